"""Rollback and canary under load, through the admin interface, while callers of every kind are served.

    python -m tests.bench.rollback --seconds 15
    python -m tests.bench.rollback --seconds 15 --weight 0.1
    python -m tests.bench.rollback --quick

Four steps, each with so many seconds of load after it: a new version is published, and serves; the channel
goes back to the version before it; a third version gets a share of the work as a canary; the share is taken
back. No call may fail, and every answer must be what the version that it names gives offline. "Began": of
the calls that began after the step was done, by the version that answered.
"""

import asyncio
import sys
import time
from argparse import ArgumentParser
from collections import Counter
from dataclasses import dataclass, field

import uvloop

from service.admin.client import AdminClient
from service.admin.schema import CanaryRequest, VersionChoice
from tests.bench.mixed_load import Material, MixedLoad
from tests.bench.options import add_workers, make_parser
from tests.bench.running_service import RunningService
from tests.bench.tables import show, table
from tests.bench.variants import Variants
from tests.bench.verdicts import COLUMNS, Judge, Judged, Verdict, count, reasons, summary
from tests.support import free_port

STEP_COLUMNS = (
    "step",
    "version",
    "done after s",
    "calls that began then",
    "answered by it",
    "refused",
    "failed or wrong",
)

_CANARY = "canary"
_PATIENCE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Step:
    """What was done: asked for at `asked`, in effect at `done`, monotonic seconds."""

    name: str
    version: str
    asked: float
    done: float


@dataclass(slots=True)
class Steps:
    """Goes through them all while a load runs."""

    service: RunningService
    variants: Variants
    admin: AdminClient
    weight: float
    done: list[Step] = field(default_factory=list)

    async def run(self, seconds: float) -> None:
        """With so many seconds of load before the first and after each."""
        for step in (self._publish, self._roll_back, self._give_share, self._take_share):
            await asyncio.sleep(seconds)
            await asyncio.to_thread(step)
        await asyncio.sleep(seconds)

    def rows(self, judged: list[Judged]) -> list[list[object]]:
        """A line for each step."""
        lines: list[list[object]] = []
        ends = [step.asked for step in self.done[1:]] + [float("inf")]
        for step, end in zip(self.done, ends, strict=True):
            here = [item for item in judged if step.done <= item.record.began < end]
            by = Counter(item.record.version for item in here)
            share = f"{by[step.version] / len(here):.1%}" if here else ""
            counts = count(here, Verdict.REFUSED), count(here, Verdict.FAILED, Verdict.WRONG)
            lines.append(
                [step.name, step.version, f"{step.done - step.asked:.2f}", len(here), share, *counts]
            )
        return lines

    def _publish(self) -> None:
        asked = time.monotonic()
        version = self.variants.publish()
        self._wait("stable", version)
        self._note("a new version is published", version, asked)

    def _roll_back(self) -> None:
        asked = time.monotonic()
        choice = self.admin.rollback(self.service.model, "stable")
        self._wait("stable", choice.version)
        self._note("rollback", choice.version, asked)

    def _give_share(self) -> None:
        asked = time.monotonic()
        version = self.variants.publish(_CANARY)
        self.admin.canary(self.service.model, CanaryRequest(channel=_CANARY, weight=self.weight))
        self._wait(_CANARY, version)
        self._note(f"canary of {self.weight:.0%}", version, asked)

    def _take_share(self) -> None:
        asked = time.monotonic()
        self.admin.canary(self.service.model, CanaryRequest(channel=_CANARY, weight=0.0))
        self._note("the canary's share is taken back", str(self.service.served()["version"]), asked)

    def _wait(self, channel: str, version: str) -> None:
        choice = VersionChoice(model=self.service.model, channel=channel, version=version, generation=0)
        self.admin.wait_for(choice, _PATIENCE_SECONDS)

    def _note(self, name: str, version: str, asked: float) -> None:
        self.done.append(Step(name, version, asked, time.monotonic()))
        print(f"{name}: {version}", file=sys.stderr)


async def run(load: MixedLoad[RunningService], steps: Steps, seconds: float) -> None:
    """The load and the steps, side by side."""
    calling = asyncio.create_task(load.run())
    try:
        await steps.run(seconds)
    finally:
        load.stop.set()
        await calling


def _parser() -> ArgumentParser:
    parser = make_parser(__doc__)
    add_workers(parser)
    parser.add_argument("--seconds", type=float, default=15.0, help="of load after each step")
    parser.add_argument("--weight", type=float, default=0.25, help="of the canary (default 0.25)")
    parser.add_argument("--period", type=float, default=0.25, help="seconds between the calls of one caller")
    parser.add_argument("--n-q", type=int, default=8)
    parser.add_argument("--quick", action="store_true", help="a few seconds each: does it run?")
    return parser


def main() -> int:
    """Run the load and write the tables; the exit status is 1 if a call failed or was wrong."""
    arguments = _parser().parse_args()
    if arguments.quick:
        arguments.seconds, arguments.period = 4.0, 0.5
    port = free_port()
    with Variants(arguments.repository, arguments.model) as variants:
        first = next(iter(variants.published.values()))
        material = Material.make(first, arguments.n_q, short_seconds=2.0, long_seconds=4.0)
        root, options = variants.repository.root, ("--admin-port", str(port))
        with (
            RunningService(root, arguments.model, arguments.workers, *options) as service,
            AdminClient(f"http://127.0.0.1:{port}") as admin,
        ):
            load = MixedLoad(service, material, arguments.period)
            steps = Steps(service, variants, admin, arguments.weight)
            uvloop.run(run(load, steps, arguments.seconds))
        judged = Judge(first, material, variants.published).judge(load.records)
    bad = count(judged, Verdict.REFUSED, Verdict.FAILED, Verdict.WRONG)
    name = f"{arguments.model}, {arguments.workers} workers"
    text = table(f"Rollback and canary under load, {name}", STEP_COLUMNS, steps.rows(judged))
    text += "\n" + table(f"Calls: {bad} failed of {len(judged)}", COLUMNS, summary(judged))
    if bad:
        told = reasons(judged, lambda item: item.verdict is not Verdict.OK)
        text += "\n" + table("What went wrong", ("call", "verdict", "reason", "times"), told)
    show(text, arguments.out)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
