"""Three replicas behind a load balancer: all restarted one after the other, then one killed, under load.

    python -m tests.bench.rolling --balancer haproxy --seconds 6

Needs haproxy or nginx; their configurations are those of deploy/loadbalancer. One-shot calls may not fail in
the rolling restart, live streams are told to go away before they end, and those of the Python client go on
elsewhere without losing a code. Then the processes of one replica get `kill -9`: its streams break, and what
the balancer can send again it sends to another.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import uvloop

from tests.balance.balancers import BALANCERS, Balancer, balancer, require
from tests.balance.replicas import Restart, replicas, restart, wait_until_balanced
from tests.bench.mixed_load import CallRecord, Kind, Material, MixedLoad
from tests.bench.offline import Offline
from tests.bench.options import make_parser
from tests.bench.resuming_load import COLUMNS as RESUMING_COLUMNS
from tests.bench.resuming_load import ResumingLoad
from tests.bench.running_service import RunningService
from tests.bench.scrape import Scrape
from tests.bench.tables import show, table
from tests.bench.verdicts import COLUMNS, Judge, Judged, Verdict, count, reasons, summary

RESTART_COLUMNS = ("replica", "exit status", "seconds from SIGTERM to exit", "orphans", "ready again after s")
STREAM_COLUMNS = ("live streams", "number", "spoken to their end", "told to go, all answered", "cut off")
KILL_COLUMNS = (
    "killed", "sent again by the balancer", "one-shot calls refused", "failed", "last of them after s",
    "streams cut off", "replica served from again after s",
)  # fmt: skip

# Few: the figures are how calls end, not how many there are, and replicas share the cores with them.
CALLERS = {
    Kind.REST_ENCODE: 2, Kind.REST_DECODE: 1, Kind.GRPC_ENCODE: 1, Kind.LIVE_ENCODE: 1, Kind.LIVE_DECODE: 1,
}  # fmt: skip
LIVE = (Kind.LIVE_ENCODE, Kind.LIVE_DECODE)
LONG_SECONDS = 15.0


@dataclass(slots=True)
class Trial:
    """A balancer in front of replicas, and what is done to them; `started` and `killed` are in seconds of
    `time.monotonic`."""

    balancer: Balancer
    services: list[RunningService]
    has_probes: bool
    restarts: list[Restart] = field(default_factory=list)
    killed_at: float = 0.0
    back_at: float = 0.0
    sent_again: int = 0

    async def roll(self, seconds: float) -> None:
        """Restart every replica, each when the one before gets work again."""
        await asyncio.sleep(seconds)
        for service in self.services:
            self.restarts.append(await asyncio.to_thread(restart, service))
            await self._balanced(seconds)
        await asyncio.sleep(seconds)

    async def kill(self, seconds: float) -> None:
        """End all processes of the replica with the most live streams, and start it again."""
        await asyncio.sleep(seconds)
        victim = max(self.services, key=live_streams)
        before = self._sent_again()
        self.killed_at = time.monotonic()
        await asyncio.to_thread(victim.kill)
        await asyncio.sleep(seconds)
        victim.launch()
        await asyncio.to_thread(victim.wait_until_complete)
        await self._balanced(seconds)
        self.sent_again = self._sent_again() - before
        self.back_at = time.monotonic()
        await asyncio.sleep(seconds)

    def _sent_again(self) -> int:
        return self.balancer.counted("wretr") + self.balancer.counted("wredis") if self.has_probes else 0

    async def _balanced(self, seconds: float) -> None:
        if self.has_probes:
            await asyncio.to_thread(wait_until_balanced, self.balancer)
        else:
            await asyncio.sleep(seconds)


def live_streams(service: RunningService) -> float:
    """How many a replica has."""
    return Scrape.take(service).total("codec_stream_slots_used") or 0.0


async def under_load(
    load: MixedLoad[Balancer],
    resuming: ResumingLoad,
    action: Callable[[float], Awaitable[None]],
    seconds: float,
) -> None:
    """Both loads, and what is done meanwhile."""
    calling = [asyncio.create_task(load.run()), asyncio.create_task(resuming.run())]
    try:
        await action(seconds)
    finally:
        load.stop.set()
        resuming.stop.set()
        await asyncio.gather(*calling)


def stream_rows(judged: list[Judged], material: Material) -> list[list[object]]:
    """Live streams by how they ended; one that sent less than it had was told to go."""
    rows: list[list[object]] = []
    for kind in LIVE:
        mine = [item for item in judged if item.record.kind is kind]
        well = [item for item in mine if item.verdict is Verdict.OK]
        whole = sum(item.record.inputs == _whole(item.record, material) for item in well)
        rows.append([kind.value, len(mine), whole, len(well) - whole, len(mine) - len(well)])
    return rows


def _whole(record: CallRecord, material: Material) -> int:
    return sum(material.plans[record.kind][record.clip].inputs)


def kill_row(judged: list[Judged], trial: Trial) -> list[object]:
    """What the death of a replica did."""
    since = [item for item in judged if item.record.ended >= trial.killed_at]
    one_shot = [item for item in since if item.record.kind not in LIVE]
    bad = [item for item in one_shot if item.verdict is not Verdict.OK]
    last = max((item.record.ended - trial.killed_at for item in bad), default=0.0)
    cut = [item for item in since if item.record.kind in LIVE and item.verdict is not Verdict.OK]
    return [
        "1 of 3", trial.sent_again if trial.has_probes else "not told", count(one_shot, Verdict.REFUSED),
        count(one_shot, Verdict.FAILED, Verdict.WRONG), f"{last:.2f}" if bad else "none", len(cut),
        f"{trial.back_at - trial.killed_at:.1f}",
    ]  # fmt: skip


def restart_rows(restarts: list[Restart]) -> list[list[object]]:
    """A line for each restart."""
    return [
        [number, done.stopped.exit_status, f"{done.stopped.seconds:.2f}", len(done.stopped.orphans),
         f"{done.ready_seconds:.1f}"]
        for number, done in enumerate(restarts, 1)
    ]  # fmt: skip


@dataclass(slots=True)
class Report:
    """Tables of what became of the calls."""

    offline: Offline
    material: Material
    text: str = ""

    def add(self, title: str, load: MixedLoad[Balancer], resuming: ResumingLoad) -> list[Judged]:
        """Judge the calls and write their tables."""
        versions = {self.offline.version: self.offline}
        judged = Judge(self.offline, self.material, versions).judge(load.records)
        self.table(f"{title}: calls", COLUMNS, summary(judged))
        self.table(f"{title}: live streams", STREAM_COLUMNS, stream_rows(judged, self.material))
        self.table(f"{title}: streams that go on", RESUMING_COLUMNS, resuming.rows())
        told = reasons(judged, lambda item: item.verdict is not Verdict.OK)
        told += resuming.told()
        if told:
            self.table(f"{title}: what callers were told", ("call", "verdict", "reason", "times"), told)
        return judged

    def table(self, title: str, columns: tuple[str, ...], rows: list[list[object]]) -> None:
        """Write one table."""
        self.text += table(title, columns, rows) + "\n"


def main() -> None:
    """Run both trials and write the tables."""
    parser = make_parser(__doc__)
    parser.add_argument("--balancer", choices=BALANCERS, default="haproxy")
    parser.add_argument("--seconds", type=float, default=6.0, help="load before, between and after")
    parser.add_argument("--period", type=float, default=0.4, help="seconds between the calls of one caller")
    parser.add_argument("--n-q", type=int, default=8)
    arguments = parser.parse_args()
    require(arguments.balancer)
    name, seconds = arguments.balancer, arguments.seconds
    offline = Offline.open(arguments.repository, arguments.model)
    material = Material.make(offline, arguments.n_q, short_seconds=2.0, long_seconds=LONG_SECONDS)
    report = Report(offline, material)
    with (
        replicas(arguments.repository, arguments.model, "--grace-seconds", "30") as services,
        balancer(name, services) as front,
    ):
        trial = Trial(front, services, has_probes=name == "haproxy")
        judged: list[Judged] = []
        for title, action in (("Rolling restart", trial.roll), ("`kill -9`", trial.kill)):
            load = MixedLoad(front, material, arguments.period, CALLERS)
            resuming = ResumingLoad.make(front.grpc_target, offline, material.long, arguments.n_q)
            uvloop.run(under_load(load, resuming, action, seconds))
            judged = report.add(f"{title} behind {name}", load, resuming)
    report.table("Restarts", RESTART_COLUMNS, restart_rows(trial.restarts))
    report.table(f"`kill -9` of a replica behind {name}", KILL_COLUMNS, [kill_row(judged, trial)])
    show(report.text, arguments.out)


if __name__ == "__main__":
    main()
