"""`kill -9` of worker processes while callers of every kind are served.

    python -m tests.bench.kill_worker --seconds 12

Two rounds: one worker dies, then all of them at once. Callers may be told UNAVAILABLE (HTTP 503) and
nothing else; the dead are replaced; every answer, before and after, is what the version gives offline.
"""

import asyncio
import time
from dataclasses import dataclass, field

import uvloop

from tests.bench.mixed_load import Material, MixedLoad
from tests.bench.offline import Offline
from tests.bench.options import add_workers, make_parser
from tests.bench.running_service import RunningService
from tests.bench.tables import show, table
from tests.bench.verdicts import COLUMNS, Judge, Judged, Verdict, count, reasons, summary

KILL_COLUMNS = (
    "killed", "refused calls", "failed or wrong", "first answer after s", "all workers back after s",
    "first answer of the full set after s", "answers after that", "of them wrong",
)  # fmt: skip

_POLL_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Kill:
    """When workers were killed, and when as many as before were ready again (monotonic seconds)."""

    workers: int
    at: float
    complete_at: float


@dataclass(slots=True)
class Kills:
    """Kills one worker, and then all, each time after some seconds of load."""

    service: RunningService
    seconds: float
    done: list[Kill] = field(default_factory=list)

    async def run(self) -> None:
        """Both rounds, and as much load after the last."""
        for count_of_victims in sorted({1, self.service.workers}):
            await asyncio.sleep(self.seconds)
            self.done.append(await asyncio.to_thread(self._kill, count_of_victims))
        await asyncio.sleep(self.seconds)

    def _kill(self, victims: int) -> Kill:
        before = self.service.ready_workers()
        processes = self.service.worker_processes()[:victims]
        at = time.monotonic()
        for process in processes:
            process.kill()
        while len(before & self.service.ready_workers()) > len(before) - victims:
            time.sleep(_POLL_SECONDS)
        self.service.wait_until_complete()
        return Kill(victims, at, time.monotonic())

    def rows(self, judged: list[Judged]) -> list[list[object]]:
        """A line for each round."""
        lines: list[list[object]] = []
        ends = [kill.at for kill in self.done[1:]] + [float("inf")]
        for kill, end in zip(self.done, ends, strict=True):
            here = [item for item in judged if kill.at <= item.record.ended < end]
            since = [item for item in here if item.record.began >= kill.at]
            after = [item for item in since if item.record.began >= kill.complete_at]
            lines.append([
                f"{kill.workers} of {self.service.workers}", count(here, Verdict.REFUSED),
                count(here, Verdict.FAILED, Verdict.WRONG), _first(since, kill.at),
                f"{kill.complete_at - kill.at:.2f}", _first(after, kill.at),
                count(after, Verdict.OK, Verdict.WRONG), count(after, Verdict.WRONG),
            ])  # fmt: skip
        return lines


def _first(judged: list[Judged], since: float) -> str:
    ends = [item.record.ended for item in judged if item.verdict is Verdict.OK]
    return f"{min(ends) - since:.2f}" if ends else "never"


async def run(load: MixedLoad[RunningService], kills: Kills) -> None:
    """The load and the kills, side by side."""
    calling = asyncio.create_task(load.run())
    try:
        await kills.run()
    finally:
        load.stop.set()
        await calling


def main() -> None:
    """Run the load and write the tables."""
    parser = make_parser(__doc__)
    add_workers(parser)
    parser.add_argument(
        "--seconds", type=float, default=12.0, help="load before, between and after the kills"
    )
    parser.add_argument("--period", type=float, default=0.25, help="seconds between the calls of one caller")
    parser.add_argument("--n-q", type=int, default=8)
    arguments = parser.parse_args()
    offline = Offline.open(arguments.repository, arguments.model)
    material = Material.make(offline, arguments.n_q, short_seconds=2.0, long_seconds=4.0)
    with RunningService(arguments.repository, arguments.model, arguments.workers) as service:
        load, kills = MixedLoad(service, material, arguments.period), Kills(service, arguments.seconds)
        uvloop.run(run(load, kills))
    judged = Judge(offline, material, {offline.version: offline}).judge(load.records)
    name = f"{arguments.model} {offline.version}"
    text = table(f"`kill -9` of workers under load, {name}", KILL_COLUMNS, kills.rows(judged))
    text += "\n" + table("Calls of the whole run", COLUMNS, summary(judged))
    told = reasons(judged, lambda item: item.verdict is not Verdict.OK)
    text += "\n" + table("What callers were told", ("call", "verdict", "reason", "times"), told)
    show(text, arguments.out)


if __name__ == "__main__":
    main()
