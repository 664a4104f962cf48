"""Hot load: new versions are published while callers of every kind are served.

    python -m tests.bench.hot_load --seconds 60 --every 10
    python -m tests.bench.hot_load --seconds 210 --every 10     twenty versions

Two models that differ a little are published in turn, each time as a new version. No call may fail, every
answer must name a version that was published, and must be what that version gives offline. Memory is taken
just before the first of them, under load, and when the load is over and the old workers have gone.
"""

import asyncio
import time
from dataclasses import dataclass, field

import uvloop

from tests.bench.mixed_load import Material, MixedLoad
from tests.bench.offline import mismatches
from tests.bench.options import add_workers, make_parser
from tests.bench.processes import Census, Role
from tests.bench.running_service import RunningService
from tests.bench.tables import show, table
from tests.bench.variants import Variants
from tests.bench.verdicts import COLUMNS, Judge, Judged, Verdict, count, reasons, summary

MEMORY_COLUMNS = (
    "what", "processes before", "after", "memory MB before", "after", "descriptors before", "after",
)  # fmt: skip
VERSION_COLUMNS = ("version", "published at s", "serving after s", "first answer after s", "answers")

_PATIENCE_SECONDS = 60.0


@dataclass(slots=True)
class Rollout:
    """When each version was published, and when the service said that it serves it."""

    began: float = 0.0
    published: dict[str, float] = field(default_factory=dict)
    served: dict[str, float] = field(default_factory=dict)
    before: Census | None = None

    async def run(self, service: RunningService, variants: Variants, seconds: float, every: float) -> None:
        """Publish a version every so often, each after the one before is served."""
        self.began = time.monotonic()
        number = 1
        while (due := number * every) < seconds:
            await asyncio.sleep(max(0.0, self.began + due - time.monotonic()))
            self.before = self.before or await asyncio.to_thread(Census.take, service)
            version = await asyncio.to_thread(variants.publish)
            self.published[version] = time.monotonic()
            await asyncio.to_thread(service.wait_until_complete, version)
            self.served[version] = time.monotonic()
            number = max(number + 1, int((time.monotonic() - self.began) / every) + 1)
        await asyncio.sleep(max(0.0, self.began + seconds - time.monotonic()))

    def memory_rows(self, after: Census) -> list[list[object]]:
        """A line for each role: as it was before the first new version, and as it is after the last."""
        before = self.before
        if before is None:
            return []
        lines: list[list[object]] = []
        for role in Role:
            memory = (f"{census.memory_mb(role):.0f}" for census in (before, after))
            counts = (len(census.of(role)) for census in (before, after))
            held = (sum(use.descriptors for use in census.of(role)) for census in (before, after))
            lines.append([role, *counts, *memory, *held])
        return lines

    def rows(self, judged: list[Judged]) -> list[list[object]]:
        """A line for each version that came during the load."""
        lines: list[list[object]] = []
        for version, published in self.published.items():
            ends = [item.record.ended for item in judged if item.record.version == version]
            served = f"{self.served[version] - published:.1f}" if version in self.served else "never"
            first = f"{min(ends) - published:.1f}" if ends else "never"
            lines.append([version, f"{published - self.began:.1f}", served, first, len(ends)])
        return lines


def settled(service: RunningService) -> Census:
    """The processes, once those of old versions have gone; or as they are after a long while."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while len(service.worker_processes()) > service.workers and time.monotonic() < deadline:
        time.sleep(0.5)
    return Census.take(service)


async def run(
    load: MixedLoad[RunningService], rollout: Rollout, variants: Variants, seconds: float, every: float
) -> None:
    """The load and the rollouts, side by side."""
    calling = asyncio.create_task(load.run())
    try:
        await rollout.run(load.service, variants, seconds, every)
    finally:
        load.stop.set()
        await calling


def main() -> None:
    """Run the load and write the tables."""
    parser = make_parser(__doc__)
    add_workers(parser)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--every", type=float, default=10.0, help="seconds between two published versions")
    parser.add_argument("--period", type=float, default=0.25, help="seconds between the calls of one caller")
    parser.add_argument("--n-q", type=int, default=8)
    arguments = parser.parse_args()
    with Variants(arguments.repository, arguments.model) as variants:
        first = next(iter(variants.published.values()))
        material = Material.make(first, arguments.n_q, short_seconds=2.0, long_seconds=6.0)
        rollout = Rollout()
        with RunningService(variants.repository.root, arguments.model, arguments.workers) as service:
            load = MixedLoad(service, material, arguments.period)
            uvloop.run(run(load, rollout, variants, arguments.seconds, arguments.every))
            memory = rollout.memory_rows(settled(service))
        judged = Judge(first, material, variants.published).judge(load.records)
        last = list(variants.published.values())[-1 if len(variants.published) % 2 == 0 else -2]
        codes = first.codes(material.short[0], arguments.n_q)
        change = mismatches(last.codes(material.short[0], arguments.n_q), codes) / codes.size
    bad = count(judged, Verdict.REFUSED, Verdict.FAILED, Verdict.WRONG)
    title = (
        f"Hot load during {arguments.seconds:g} s of mixed load, {arguments.model}, "
        f"{arguments.workers} workers: {bad} failed of {len(judged)} calls"
    )
    text = table(title, COLUMNS, summary(judged))
    heading = f"Versions published meanwhile; {change:.0%} of the codes differ between neighbours"
    text += "\n" + table(heading, VERSION_COLUMNS, rollout.rows(judged))
    text += "\n" + table(f"Memory before and after {len(rollout.served)} loads", MEMORY_COLUMNS, memory)
    if bad:
        told = reasons(judged, lambda item: item.verdict is not Verdict.OK)
        text += "\n" + table("What went wrong", ("call", "verdict", "reason", "times"), told)
    show(text, arguments.out)


if __name__ == "__main__":
    main()
