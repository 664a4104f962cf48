"""One place for a worker of a version: a process is kept running in it until it is retired."""

import asyncio
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from service.config import ServeConfig, WorkerConfig
from service.supervisor.backoff import keep_running
from service.supervisor.child import Child, Message, describe_exit
from service.supervisor.environment import worker_environment

_LOG = logging.getLogger(__name__)
_START_SECONDS = 120.0
_STOP_SECONDS = 10.0
_LAST_CHANCE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a version is not served: the gate where it failed, and the reason."""

    stage: str
    reason: str


@dataclass(frozen=True, slots=True)
class WorkerPlan:
    """What workers of a version are started with; `ids` gives every process a name of its own.

    `module`: what to run, as in `python -m`. `lane`: others serve beside it, so that its first workers start
    with low priority and, as far as they share the lane, one at a time. `device`: where it runs.
    """

    config: ServeConfig
    model: str
    version: str
    version_path: Path
    sockets: Path
    ids: Iterator[str]
    module: str = "service.worker"
    lane: asyncio.Lock | None = None
    device: str = "cpu"

    def next_worker(self) -> WorkerConfig:
        """The config of one more process."""
        name = next(self.ids)
        return WorkerConfig(
            id=name,
            model=self.model,
            version=self.version,
            version_path=self.version_path,
            socket=self.sockets / f"{name}.sock",
            slots=self.config.slots,
            max_jobs=self.config.max_jobs,
            max_queued_audio_seconds=self.config.max_queued_audio_seconds,
            device=self.device,
            batching=self.config.batching,
            decode_dtype=self.config.decode_dtype,
        )


class Seat:
    """Starts a worker, and another when it dies or hangs, until told to stop.

    `worker` is the one that serves now, None while there is none; `rejection`: what the last one to load
    the version had against it. `changed` is called whenever either changes.
    """

    def __init__(self, plan: WorkerPlan, changed: Callable[[], None]) -> None:
        self.worker: WorkerConfig | None = None
        self.rejection: Rejection | None = None
        self.failed_starts = 0
        self.last_failure = ""
        self._plan = plan
        self._changed = changed
        self._child: Child | None = None
        self._silence: asyncio.TimerHandle | None = None
        self._has_served = False
        self._retired = asyncio.Event()
        what = f"worker of {plan.model}@{plan.version}"
        self._task = asyncio.create_task(keep_running(what, self._run_once, self._retired))

    @property
    def pid(self) -> int:
        """The process that runs now, 0 while there is none."""
        return self._child.pid if self._child is not None else 0

    @property
    def is_over(self) -> bool:
        """Whether no process runs here any more, nor ever will."""
        return self._task.done()

    def kill(self) -> None:
        """End the process now; another one follows unless the seat was stopped."""
        if self._child is not None:
            self._child.kill()

    async def stop(self) -> None:
        """Let the process finish what it runs, and start no other."""
        self._retired.set()
        if self._child is not None:
            await self._stop_child(self._child)
        await self._task

    async def _stop_child(self, child: Child) -> None:
        # Nobody waits for a worker that is not ready yet, and it cannot hear us while it loads.
        await child.stop(_STOP_SECONDS if self.worker is not None else 0.0)

    async def _run_once(self) -> int:
        lane = self._plan.lane
        if lane is None or self._has_served:
            return await self._run_worker(asyncio.Event())
        async with lane:
            if self._retired.is_set():
                return 0
            ready = asyncio.Event()
            running = asyncio.create_task(self._run_worker(ready, quietly=True))
            waiting = asyncio.create_task(ready.wait())
            await asyncio.wait((running, waiting), return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
        return await running

    async def _run_worker(self, ready: asyncio.Event, *, quietly: bool = False) -> int:
        worker = self._plan.next_worker()
        on_message = self._listener(worker, ready)
        environment = worker_environment(os.environ)
        first = worker.to_message()
        child = await Child.start(
            worker.id, self._plan.module, environment, first, on_message, quietly=quietly
        )
        self._child = child
        if self._retired.is_set():
            await self._stop_child(child)
        late = asyncio.get_running_loop().call_later(_START_SECONDS, self._too_late, child, ready)
        try:
            status = await child.wait()
        finally:
            late.cancel()
            self._expect_news(None)
            self._child = None
            self.worker = None
            worker.socket.unlink(missing_ok=True)
        if not ready.is_set():
            self.failed_starts += 1
            self.last_failure = describe_exit(status)
        self._changed()
        return status

    def _listener(self, worker: WorkerConfig, ready: asyncio.Event) -> Callable[[Message], None]:
        def on_message(message: Message) -> None:
            if message.get("event") == "ready":
                ready.set()
                self._has_served = True
                self.failed_starts = 0
                self.rejection = None
                self.worker = worker
                self._expect_news(message.get("silent_seconds"))
            elif message.get("event") == "alive":
                self._expect_news(message.get("silent_seconds"))
                return
            elif message.get("event") == "rejected":
                self.rejection = Rejection(str(message["stage"]), str(message["reason"]))
                _LOG.error(
                    "a worker refuses its version", extra={"child": worker.id, **asdict(self.rejection)}
                )
            self._changed()

        return on_message

    def _too_late(self, child: Child, ready: asyncio.Event) -> None:
        if not ready.is_set():
            _LOG.error("a worker did not get ready", extra={"child": child.name, "seconds": _START_SECONDS})
            child.kill()

    def _expect_news(self, seconds: float | None) -> None:
        """Give the process so long to say something again; None = as long as it likes."""
        if self._silence is not None:
            self._silence.cancel()
        loop = asyncio.get_running_loop()
        self._silence = None if seconds is None else loop.call_later(seconds, self._fell_silent)

    def _fell_silent(self) -> None:
        # Where it was this process that slept, the worker's words are waiting to be read.
        loop = asyncio.get_running_loop()
        self._silence = loop.call_later(_LAST_CHANCE_SECONDS, self._hangs)

    def _hangs(self) -> None:
        if self._child is not None:
            _LOG.error("a worker hangs and is killed", extra={"child": self._child.name})
            self._child.kill()
