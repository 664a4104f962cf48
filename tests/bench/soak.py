"""Half an hour of everything at a time: does memory stay level, do descriptors, is every answer right?

    python -m tests.bench.soak                              30 minutes
    python -m tests.bench.soak --minutes 120 --csv soak.csv
    python -m tests.bench.soak --quick

Callers of every kind (REST, gRPC, live streams that come and go), callers who drop their calls at a random
moment, and a new version published every two minutes. All processes are sampled every few seconds; the first
fifth of the time counts as warm-up. Growth is the median slope of all pairs of samples, taken while as many
processes were there as usual, not during a hot load. Level: memory of a role grew by less than 2 % or 4 MB
over the run, descriptors by no more than two.
"""

import asyncio
import csv
import sys
from argparse import ArgumentParser
from dataclasses import asdict, dataclass, field
from pathlib import Path

import uvloop

from tests.bench.cancels import Cancels
from tests.bench.growth import Growth, usual
from tests.bench.hot_load import Rollout
from tests.bench.mixed_load import Material, MixedLoad
from tests.bench.options import add_workers, make_parser
from tests.bench.processes import Census, Role
from tests.bench.running_service import RunningService
from tests.bench.tables import show, table
from tests.bench.variants import Variants
from tests.bench.verdicts import COLUMNS, Judge, Verdict, count, reasons, summary

GROWTH_COLUMNS = (
    "what", "processes", "samples", "memory MB, first", "last", "MB per hour", "descriptors, first", "last",
    "per hour", "verdict",
)  # fmt: skip

_WARM_UP_SHARE = 0.2
_MEMORY_SHARE = 0.02
_MEMORY_MB = 4.0
_DESCRIPTORS = 2.0
_MIN_MINUTES = 10.0


@dataclass(slots=True)
class Watch:
    """Looks at all processes every so often."""

    service: RunningService
    every_seconds: float
    stop: asyncio.Event
    censuses: list[Census] = field(default_factory=list)

    async def run(self) -> None:
        """Until `stop` is set."""
        while not self.stop.is_set():
            self.censuses.append(await asyncio.to_thread(Census.take, self.service))
            await asyncio.sleep(self.every_seconds)

    def rows(self, *, judged: bool) -> list[list[object]]:
        """A line for each role; `judged`: whether the run was long enough for a verdict."""
        settled = self.censuses[int(_WARM_UP_SHARE * len(self.censuses)) :]
        return [_growth_row(role, settled, judged=judged) for role in Role]

    def write_csv(self, path: Path) -> None:
        """A line for each process and moment."""
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            for number, census in enumerate(self.censuses):
                for use in census.uses:
                    facts = asdict(use)
                    if number == 0 and use is census.uses[0]:
                        writer.writerow(["at_seconds", *facts])
                    writer.writerow([f"{census.at - self.censuses[0].at:.1f}", *facts.values()])


def _growth_row(role: Role, censuses: list[Census], *, judged: bool) -> list[object]:
    there = usual([len(census.of(role)) for census in censuses])
    chosen = [census for census in censuses if len(census.of(role)) == there]
    times = [census.at for census in chosen]
    memory = Growth.of(times, [census.memory_mb(role) for census in chosen])
    descriptors = Growth.of(times, [sum(use.descriptors for use in census.of(role)) for census in chosen])
    level = memory.is_level(_MEMORY_SHARE, _MEMORY_MB) and descriptors.is_level(0.0, _DESCRIPTORS)
    verdict = ("level" if level else "GROWS") if judged else "too short a run"
    return [
        role, there, len(chosen), f"{memory.first:.1f}", f"{memory.last:.1f}", f"{memory.per_hour:+.1f}",
        f"{descriptors.first:.0f}", f"{descriptors.last:.0f}", f"{descriptors.per_hour:+.1f}", verdict,
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Times:
    """How long, and how often versions come, in seconds."""

    whole: float
    every: float


async def run(
    load: MixedLoad[RunningService], watch: Watch, cancels: Cancels, variants: Variants, times: Times
) -> Rollout:
    """Everything side by side."""
    rollout = Rollout()
    others = [asyncio.create_task(part.run()) for part in (load, watch, cancels)]
    try:
        await rollout.run(load.service, variants, times.whole, times.every)
    finally:
        load.stop.set()
        await asyncio.gather(*others)
    return rollout


def _parser() -> ArgumentParser:
    parser = make_parser(__doc__)
    add_workers(parser)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--every", type=float, default=120.0, help="seconds between two published versions")
    parser.add_argument("--period", type=float, default=0.5, help="seconds between the calls of one caller")
    parser.add_argument("--sample-seconds", type=float, default=5.0)
    parser.add_argument("--n-q", type=int, default=8)
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write all samples of all processes")
    parser.add_argument("--quick", action="store_true", help="half a minute: does it run?")
    return parser


def main() -> int:
    """Run the load and write the tables; the exit status is 1 if something grew, failed or was wrong."""
    arguments = _parser().parse_args()
    if arguments.quick:
        arguments.minutes, arguments.every, arguments.sample_seconds = 0.5, 15.0, 1.0
    with Variants(arguments.repository, arguments.model) as variants:
        first = next(iter(variants.published.values()))
        material = Material.make(first, arguments.n_q, short_seconds=2.0, long_seconds=6.0)
        with RunningService(variants.repository.root, arguments.model, arguments.workers) as service:
            load = MixedLoad(service, material, arguments.period)
            watch = Watch(service, arguments.sample_seconds, load.stop)
            cancels = Cancels(service, material, load.stop)
            times = Times(60 * arguments.minutes, arguments.every)
            rollout = uvloop.run(run(load, watch, cancels, variants, times))
        judged = Judge(first, material, variants.published).judge(load.records)
    bad = count(judged, Verdict.REFUSED, Verdict.FAILED, Verdict.WRONG)
    growth = watch.rows(judged=arguments.minutes >= _MIN_MINUTES)
    if arguments.csv:
        watch.write_csv(arguments.csv)
    title = (
        f"{arguments.minutes:g} minutes of mixed load, {arguments.model}, {arguments.workers} workers, "
        f"{len(rollout.served)} hot loads"
    )
    text = table(title, GROWTH_COLUMNS, growth)
    text += "\n" + table(f"Calls: {bad} failed of {len(judged)}", COLUMNS, summary(judged))
    text += "\n" + table("Calls dropped by their callers", ("call", "times"), sorted(cancels.dropped.items()))
    if bad:
        told = reasons(judged, lambda item: item.verdict is not Verdict.OK)
        text += "\n" + table("What went wrong", ("call", "verdict", "reason", "times"), told)
    show(text, arguments.out)
    return 1 if bad or any(row[-1] == "GROWS" for row in growth) else 0


if __name__ == "__main__":
    sys.exit(main())
