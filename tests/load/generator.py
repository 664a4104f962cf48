"""One process of the stream generator: plays its share of the sessions, each by its own clock.

Run as `python -m tests.load.generator FOLDER NUMBER` by `tests.load.streams`; reads `scripts.npz` and its job
from the folder and leaves its results there.
"""

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import grpc
import numpy as np
import uvloop

from tests.bench.live_client import StreamPlan, StreamRun, channels, latencies, no_garbage_collection, play
from tests.load.replay import Replay
from tests.load.results import Part, SessionResult
from tests.load.schedule import Kind, Session
from tests.load.scripts import Scripts

LEAD_SECONDS = 0.25
"""From opening a stream to its first message: a microphone starts once the stream is there."""

_REFUSALS = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)
_PATIENCE_SECONDS = 90.0
_RETRY_MS = 1000


@dataclass(frozen=True, slots=True)
class Job:
    """What a process has to do. `base`: when the load begins, in seconds of the monotonic clock, which all
    processes of a machine share; `end_seconds`: after `base`, when everything has to be over."""

    target: str
    base: float
    end_seconds: float
    sessions: tuple[Session, ...]

    def save(self, path: Path) -> None:
        """Write JSON."""
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def load(cls, path: Path) -> "Job":
        """Read what `save` wrote."""
        content = json.loads(path.read_text())
        sessions = tuple(
            Session(**{**item, "kind": Kind(item["kind"]), "side": Kind(item["side"])})
            for item in content.pop("sessions")
        )
        return cls(**content, sessions=sessions)


class Generator:
    """Plays the sessions of a job."""

    def __init__(self, job: Job, scripts: Scripts) -> None:
        self._job = job
        self._scripts = scripts
        self._plans: dict[tuple[int, bool], StreamPlan] = {}
        self._part = Part()
        for session in job.sessions:
            self._plan(session)

    async def run(self) -> Part:
        """All sessions; none outlives the time that the job allows."""
        seats = len({(session.seat, session.side) for session in self._job.sessions})
        async with channels(self._job.target, seats) as opened:
            with no_garbage_collection():
                own, began = time.process_time(), time.monotonic()
                limit = self._job.base + self._job.end_seconds + _PATIENCE_SECONDS - began
                async with asyncio.timeout(limit), asyncio.TaskGroup() as tasks:
                    for number, session in enumerate(self._job.sessions):
                        tasks.create_task(self._attend(opened[number % len(opened)], session))
                elapsed = time.monotonic() - max(began, self._job.base)
        self._part.cores = (time.process_time() - own) / elapsed
        return self._part

    async def _attend(self, channel: grpc.aio.Channel, session: Session) -> None:
        """Join at the time, and, where the session says so, again after each refusal."""
        join = self._job.base + session.join_seconds
        while True:
            await asyncio.sleep(max(0.0, join - time.monotonic()))
            began = time.monotonic()
            run = await self._play(channel, session, began)
            is_refused = run.outcome.status in _REFUSALS and not run.opened
            pause_ms = run.outcome.retry_ms if run.outcome.retry_ms >= 0 else _RETRY_MS
            join = run.ended + pause_ms / 1000
            if not is_refused or join >= self._job.base + session.retry_until_seconds:
                return

    async def _play(self, channel: grpc.aio.Channel, session: Session, began: float) -> StreamRun:
        is_encode = session.side is Kind.ENCODE
        replay = Replay(self._scripts.items[session.script], is_encode=is_encode, checked=session.checked)
        plan = self._plan(session)
        run = await play(channel, plan, began + LEAD_SECONDS, StreamRun(output=replay))
        taken = latencies(run, plan, 0.0, float("inf"))
        replay.end(complete=run.outcome.status is None and run.inputs == sum(plan.inputs))
        base = self._job.base
        result = SessionResult(
            session.kind, session.side, session.seat, began - base,
            run.opened - began if run.opened else float("nan"),
            run.arrivals[0][0] - run.due[0] if run.arrivals else float("nan"),
            run.ended - base, "" if run.outcome.status is None else run.outcome.status.name,
            run.outcome.detail, run.outcome.retry_ms, run.version, session.checked, replay.wrong,
        )  # fmt: skip
        answered = [due for due, is_due in zip(run.due, _answered(plan), strict=False) if is_due]
        self._part.add(result, np.array(answered) - base, np.array(taken), np.array(run.late))
        return run

    def _plan(self, session: Session) -> StreamPlan:
        key = (session.script, session.side is Kind.ENCODE)
        if key not in self._plans:
            self._plans[key] = self._scripts.plan(session.script, encode=key[1])
        return self._plans[key]


def _answered(plan: StreamPlan) -> list[bool]:
    """Which messages complete output, in the order of `latencies`."""
    before = [0, *plan.outputs_due]
    return [due > previous for due, previous in zip(plan.outputs_due, before, strict=False)]


def main() -> None:
    """Do the job."""
    folder, number = Path(sys.argv[1]), int(sys.argv[2])
    job = Job.load(folder / f"job{number}.json")
    part = uvloop.run(Generator(job, Scripts.load(folder / "scripts.npz")).run())
    part.save(folder / f"part{number}")


if __name__ == "__main__":
    main()
