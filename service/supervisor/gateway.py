"""The front end process: kept running, told of every change of the routes, asked to drain at the end."""

import asyncio
import logging
import os
from collections.abc import Callable

from service.config import ServeConfig
from service.supervisor.backoff import keep_running
from service.supervisor.child import Child, Message, describe_exit

_LOG = logging.getLogger(__name__)
_STOP_SECONDS = 5.0
_MAX_FAILED_STARTS = 3


class Gateway:
    """Starts the front end, and another when it dies.

    One that dies three times before it was ever ready, because its port is taken for instance, is given
    up: `has_failed` is set. `on_idle` is called with the id of a draining worker that has nothing left
    to do, `changed` after that and after giving up.
    """

    def __init__(
        self, config: ServeConfig, on_idle: Callable[[str], None], changed: Callable[[], None]
    ) -> None:
        self.has_failed = False
        self._config = config
        self._on_idle = on_idle
        self._changed = changed
        self._child: Child | None = None
        self._routes: Message | None = None
        self._drained = asyncio.Event()
        self._is_ready = False
        self._failed_starts = 0
        self._retired = asyncio.Event()
        self._task = asyncio.create_task(keep_running("front end", self._run_once, self._retired))

    def publish(self, routes: Message) -> None:
        """Make these the routes, if they are not already."""
        if routes != self._routes:
            self._routes = routes
            if self._child is not None:
                self._child.send(routes)

    def send_away(self, worker: str, grace_seconds: float) -> None:
        """Have the streams of a worker ended, after asking their callers to go."""
        if self._child is not None:
            self._child.send({"type": "go_away", "worker": worker, "grace_seconds": grace_seconds})

    async def drain(self) -> None:
        """Refuse new work and let the present work end, within the grace period."""
        self._retired.set()
        if self._child is None:
            return
        grace_seconds = self._config.grace_seconds
        self._child.send({"type": "drain", "grace_seconds": grace_seconds})
        drained = asyncio.create_task(self._drained.wait())
        await asyncio.wait([drained, self._task], timeout=grace_seconds, return_when=asyncio.FIRST_COMPLETED)
        if not drained.done():
            _LOG.warning("work was still under way at the end of the grace period")
            drained.cancel()

    async def stop(self) -> None:
        """End the process, and start no other."""
        self._retired.set()
        if self._child is not None:
            await self._child.stop(_STOP_SECONDS)
        await self._task

    def kill(self) -> None:
        """End the process now, and start no other."""
        self._retired.set()
        if self._child is not None:
            self._child.kill()

    async def _run_once(self) -> int:
        self._is_ready = False
        config = self._config.to_message()
        child = await Child.start("frontend", "service.frontend", os.environ, config, self._on_message)
        self._child = child
        if self._retired.is_set():
            await child.stop(0)
        if self._routes is not None:
            child.send(self._routes)
        try:
            status = await child.wait()
        finally:
            self._child = None
        self._failed_starts = 0 if self._is_ready else self._failed_starts + 1
        if self._failed_starts == _MAX_FAILED_STARTS and not self._retired.is_set():
            _LOG.error("the front end cannot start", extra={"exit": describe_exit(status)})
            self.has_failed = True
            self._retired.set()
            self._changed()
        return status

    def _on_message(self, message: Message) -> None:
        event = message.get("event")
        if event == "ready":
            self._is_ready = True
            ports = {name: value for name, value in message.items() if name != "event"}
            _LOG.info("the front end listens", extra=ports)
        elif event == "idle":
            self._on_idle(str(message["worker"]))
            self._changed()
        elif event == "drained":
            self._drained.set()
