"""SIGTERM while callers of every kind are served.

    python -m tests.bench.shutdown --seconds 8

What was under way must be answered in full; live streams are told to go away and get the rest of their
output; new calls may be refused (UNAVAILABLE, HTTP 503, connection refused) but not dropped. The service
exits with status 0 as soon as nothing is left to do, and no process of it stays behind.
"""

import asyncio
import time
from dataclasses import dataclass

import uvloop

from tests.bench.mixed_load import Kind, Material, MixedLoad
from tests.bench.offline import Offline
from tests.bench.options import add_workers, make_parser
from tests.bench.running_service import RunningService, Stopped
from tests.bench.tables import show, table
from tests.bench.verdicts import Judge, Judged, Verdict, count, reasons

COLUMNS = ("calls", "number", "answered in full", "refused", "failed", "wrong")
EXIT_COLUMNS = ("exit status", "seconds from SIGTERM to exit", "last answer after s", "orphan processes")

_AFTERWARDS_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Ended:
    """When SIGTERM was sent (monotonic seconds), and how the service went."""

    at: float
    stopped: Stopped


async def run(load: MixedLoad[RunningService], seconds: float) -> Ended:
    """Load, SIGTERM after some seconds, and load still when nobody is left to answer."""
    calling = asyncio.create_task(load.run())
    try:
        await asyncio.sleep(seconds)
        at = time.monotonic()
        stopped = await asyncio.to_thread(load.service.stop)
        await asyncio.sleep(_AFTERWARDS_SECONDS)
    finally:
        load.stop.set()
        await calling
    return Ended(at, stopped)


def rows(judged: list[Judged], at: float) -> list[list[object]]:
    """Calls by when they began and ended, seen from SIGTERM."""
    groups = {
        "over before SIGTERM": [item for item in judged if item.record.ended <= at],
        "one-shot, under way at SIGTERM": [item for item in _under_way(judged, at) if not _is_live(item)],
        "live, under way at SIGTERM": [item for item in _under_way(judged, at) if _is_live(item)],
        "begun after SIGTERM": [item for item in judged if item.record.began > at],
    }
    verdicts = (Verdict.OK, Verdict.REFUSED, Verdict.FAILED, Verdict.WRONG)
    return [
        [name, len(group), *(count(group, verdict) for verdict in verdicts)] for name, group in groups.items()
    ]


def _under_way(judged: list[Judged], at: float) -> list[Judged]:
    return [item for item in judged if item.record.began <= at < item.record.ended]


def _is_live(item: Judged) -> bool:
    return item.record.kind in (Kind.LIVE_ENCODE, Kind.LIVE_DECODE)


def main() -> None:
    """Run the load and write the tables."""
    parser = make_parser(__doc__)
    add_workers(parser)
    parser.add_argument("--seconds", type=float, default=8.0, help="load before SIGTERM")
    parser.add_argument("--period", type=float, default=0.1, help="seconds between the calls of one caller")
    parser.add_argument("--clip-seconds", type=float, default=6.0, help="length of one-shot clips")
    parser.add_argument("--n-q", type=int, default=8)
    arguments = parser.parse_args()
    offline = Offline.open(arguments.repository, arguments.model)
    material = Material.make(offline, arguments.n_q, arguments.clip_seconds, long_seconds=20.0)
    with RunningService(arguments.repository, arguments.model, arguments.workers) as service:
        load = MixedLoad(service, material, arguments.period)
        ended = uvloop.run(run(load, arguments.seconds))
    judged = Judge(offline, material, {offline.version: offline}).judge(load.records)
    answers = [item.record.ended for item in judged if item.verdict is Verdict.OK]
    stopped = ended.stopped
    last = f"{max(answers) - ended.at:.2f}"
    leaving = [stopped.exit_status, f"{stopped.seconds:.2f}", last, ", ".join(stopped.orphans) or "none"]
    text = table(f"SIGTERM under load, {arguments.model} {offline.version}", EXIT_COLUMNS, [leaving])
    text += "\n" + table("Calls", COLUMNS, rows(judged, ended.at))
    told = reasons(judged, lambda item: item.verdict is not Verdict.OK)
    text += "\n" + table("What callers were told", ("call", "verdict", "reason", "times"), told)
    show(text, arguments.out)


if __name__ == "__main__":
    main()
