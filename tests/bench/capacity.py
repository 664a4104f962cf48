"""How many live streams at a time: the most encode, decode and duplex clients, and what they cost.

    python -m tests.bench.capacity                                all kinds; about two hours
    python -m tests.bench.capacity --kinds encode --confirm-seconds 120
    python -m tests.bench.capacity --quick

Definition. N clients, each sending 80 ms at a time by its own clock, joined one after the other, are served
if for the whole of the confirming run, warm-up aside: p99.9 of lateness (from when a message was due to when
all its output had come) stays below the bar, by default one message; no player that holds two messages back
runs dry; nobody is refused or broken off; the compared streams bring the known codes; and the generator was
on time, else the run is void and taken again. The search goes upwards in short runs and then confirms in a
long one. Generator and service share the cores. Admission control is on: a refusal ends the search as well.
"""

import sys
from argparse import ArgumentParser
from dataclasses import dataclass, field

import numpy as np

from tests.bench.offline import Offline
from tests.bench.options import add_workers, make_parser
from tests.bench.running_service import RunningService
from tests.bench.scrape import Scrape, capacity_page
from tests.bench.search import confirmed, largest_passing
from tests.bench.stream_point import Bench, Point
from tests.bench.tables import show, table
from tests.load.schedule import Kind

RESULT_COLUMNS = (
    "clients", "largest number", "confirmed for s", "p50 ms", "p99 ms", "p99.9 ms", "max ms", "underruns",
    "next larger failed by", "below one frame up to", "service says", "p99.9 ms at 70 %",
)  # fmt: skip
CURVE_COLUMNS = (
    "clients", "number", "s", "messages", "p50 ms", "p99 ms", "p99.9 ms", "max ms", "underruns", "overruns",
    "generator", "service / generator cores", "verdict",
)  # fmt: skip
COST_COLUMNS = (
    "clients", "number", "front end us", "worker: model us", "worker: scheduling and IPC us", "others us",
    "service cores", "worker KB per client", "front end KB per client",
)  # fmt: skip

# Steps are timed by the clock on the wall: beside other work the model seems to take what others took.
_COST_TITLE = "CPU per message of 80 ms, and memory; the model's share by the wall clock of the worker"

_SHARE = 0.7
_VOID_TRIES = 3
_START = 8


@dataclass(slots=True)
class Capacity:
    """The search for one kind of client.

    `points`: every run; `largest`: the one that confirmed; `share`: one at 70 % of what the service says
    that it carries.
    """

    bench: Bench
    kind: Kind
    bar_ms: float
    probe_seconds: float
    confirm_seconds: float
    limit: int
    points: list[Point] = field(default_factory=list, init=False)
    largest: Point | None = field(default=None, init=False)
    share: Point | None = field(default=None, init=False)

    def run(self, announced: float | None) -> None:
        """Search, confirm, and take a point at 70 % of what the service says (or of what was found)."""
        start = round(_SHARE * announced) if announced else _START
        candidate = largest_passing(lambda count: self._passes(count, self.probe_seconds), start, self.limit)
        best = confirmed(lambda count: self._passes(count, self.confirm_seconds), candidate)
        if best:
            self.largest = next(point for point in reversed(self.points) if point.clients == best)
            self.share = self._take(max(1, round(_SHARE * (announced or best))), self.probe_seconds)

    def _passes(self, count: int, seconds: float) -> bool:
        return not self._take(count, seconds).faults(self.bar_ms)

    def _take(self, count: int, seconds: float) -> Point:
        """A point, again if the generator was late."""
        point = self.bench.point(self.kind, count, seconds)
        for _ in range(_VOID_TRIES - 1):
            if point.outcome.punctuality.on_time:
                break
            point = self.bench.point(self.kind, count, seconds)
        self.points.append(point)
        verdict = ", ".join(point.faults(self.bar_ms)) or "passes"
        print(f"{count} {self.kind}: p99.9 {point.quantiles.p999_ms:.1f} ms, {verdict}", file=sys.stderr)
        return point

    def result_row(self, announced: float | None, frame_ms: float) -> list[object]:
        """The line of the kind in the table of results."""
        says = "not exported" if announced is None else f"{announced:g}"
        if self.largest is None:
            return [self.kind, 0, *["" for _ in range(8)], says, ""]
        best = self.largest.clients
        above = [point for point in self.points if point.clients > best and point.faults(self.bar_ms)]
        nearest = min(above, key=lambda point: point.clients, default=None)
        limit = ", ".join(nearest.faults(self.bar_ms)) if nearest else "none was tried"
        within = [point.clients for point in self.points if not point.faults(frame_ms)]
        share = f"{self.share.quantiles.p999_ms:.1f} with {self.share.clients}" if self.share else ""
        return [
            self.kind, best, f"{self.largest.seconds:g}", *self.largest.quantiles.cells(),
            self.largest.outcome.underruns, limit, max(within, default=0), says, share,
        ]  # fmt: skip

    def curve_rows(self) -> list[list[object]]:
        """Every run, by number of clients."""
        return [
            [
                point.kind, point.clients, f"{point.seconds:g}", point.quantiles.count,
                *point.quantiles.cells(), point.outcome.underruns, _number(point.overruns),
                str(point.outcome.punctuality),
                f"{point.cost.service_cores:.2f} / {point.generator_cores:.2f}",
                ", ".join(point.faults(self.bar_ms)) or "passes",
            ]
            for point in sorted(self.points, key=lambda point: (point.clients, point.seconds))
        ]  # fmt: skip

    def cost_row(self) -> list[object]:
        """Where the time and the memory go, with the largest number of clients."""
        point = self.largest
        if point is None:
            return [self.kind, 0, *["" for _ in range(7)]]
        least = min(self.points, key=lambda other: other.clients)
        more = point.clients - least.clients
        worker, front_end = (
            1024 * (getattr(point, name) - getattr(least, name)) / more if more else float("nan")
            for name in ("worker_mb", "front_end_mb")
        )
        cost = point.cost
        return [
            self.kind, point.clients, _number(cost.front_end_us), _number(cost.engine_us),
            _number(cost.worker_us - cost.engine_us), _number(cost.others_us), f"{cost.service_cores:.2f}",
            _number(worker), _number(front_end),
        ]  # fmt: skip


def _number(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.0f}"


def _parser() -> ArgumentParser:
    parser = make_parser(__doc__)
    add_workers(parser)
    parser.add_argument("--kinds", default="encode,decode,duplex", metavar="KIND,KIND")
    parser.add_argument("--probe-seconds", type=float, default=30.0, help="of each run of the search")
    parser.add_argument("--confirm-seconds", type=float, default=600.0, help="of the run that confirms")
    parser.add_argument("--bar-ms", type=float, default=80.0, help="for p99.9 (default one message: 80)")
    parser.add_argument("--limit", type=int, default=1000, help="clients at most")
    parser.add_argument("--n-q", type=int, default=8)
    parser.add_argument("--quick", action="store_true", help="up to 6 clients, a few seconds: does it run?")
    return parser


def main() -> None:
    """Search for each kind in turn, on one service, and write the tables."""
    arguments = _parser().parse_args()
    if arguments.quick:
        arguments.probe_seconds, arguments.confirm_seconds, arguments.limit = 4.0, 5.0, 6
    offline = Offline.open(arguments.repository, arguments.model)
    frame_ms = 1000 * offline.loaded.codec.config.hop_samples / offline.loaded.codec.config.sample_rate
    results, curves, costs = [], [], []
    slots = ("--slots", str(arguments.limit))
    with RunningService(arguments.repository, arguments.model, arguments.workers, *slots) as service:
        bench = Bench(service, offline, arguments.n_q, ramp_seconds=2.0 if arguments.quick else 5.0)
        page = capacity_page(service)
        for kind in map(Kind, arguments.kinds.split(",")):
            announced = Scrape.take(service).capacity(kind)
            search = Capacity(
                bench,
                kind,
                arguments.bar_ms,
                arguments.probe_seconds,
                arguments.confirm_seconds,
                arguments.limit,
            )
            search.run(announced)
            results.append(search.result_row(announced, frame_ms))
            curves += search.curve_rows()
            costs.append(search.cost_row())
    name = f"{arguments.model} {offline.version}, n_q {arguments.n_q}, {arguments.workers} workers"
    text = table(f"Live streams at a time, {name}, bar {arguments.bar_ms:g} ms", RESULT_COLUMNS, results)
    text += "\n" + table("Lateness against clients", CURVE_COLUMNS, curves)
    text += "\n" + table(_COST_TITLE, COST_COLUMNS, costs)
    text += f"\n`GET /capacity` said: {page or 'there is no such page'}\n"
    show(text, arguments.out)


if __name__ == "__main__":
    main()
