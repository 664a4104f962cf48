"""How many live streams at a time: the most encode, decode and duplex clients, and what they cost.

    python -m tests.bench.capacity                                    search and confirm; about two hours
    python -m tests.bench.capacity --kinds encode --confirm-seconds 120
    python -m tests.bench.capacity --curve 10,20,40,60,80 --seconds 15     three minutes for each kind
    python -m tests.bench.capacity --kinds encode --confirm 60             one run of ten minutes
    python -m tests.bench.capacity --quick

Definition. N clients, each sending 80 ms at a time by its own clock, joined one after the other, are served
if for the whole of the confirming run, warm-up aside: p99.9 of lateness (from when a message was due to when
all its output had come) stays below one frame of the model (20 ms); no player that holds two frames back runs
dry; less than 0.1 % of the steps of the model take longer than their audio; nobody is refused or broken off;
the compared streams bring the known codes; and the generator was on time, else the run is void, and a short
one is taken again. The search goes upwards in short runs and then confirms in a long one. Generator and
service share the cores. Admission control is on: a refusal ends the search as well.

Every kind has a service of its own. Each run is a line of the first table as soon as it is over, and goes to
--out at once; what a message costs, memory and the result follow when the kind is done. The model's share is
the CPU time of the worker's steps. The share of IPC is measured beside, by itself, with as many streams: the
lower figure at saturation, where messages share wake-ups, the upper paced as callers are, where they do not.
"""

from argparse import ArgumentParser, Namespace

from tests.bench.capacity_run import SHARE, CapacityRun
from tests.bench.ipc import IpcWorker
from tests.bench.offline import Offline
from tests.bench.options import add_workers, make_parser
from tests.bench.running_service import RunningService
from tests.bench.scrape import Scrape, capacity_page
from tests.bench.stream_point import Bench, Definition, Point
from tests.bench.tables import GrowingTable, show, table
from tests.load.lateness import Quantiles
from tests.load.schedule import Kind

CURVE_COLUMNS = (
    "clients", "number", "s", "messages", "p50 ms", "p99 ms", "p99.9 ms", "max ms",
    "first output p50 / p99 ms", "underruns", "steps overran", "generator",
    "CPU us a message: front end", "worker", "streams a step", "service / generator cores", "verdict",
)  # fmt: skip
COST_COLUMNS = (
    "clients", "number", "front end us", "of it IPC", "worker us", "of it model", "IPC", "the rest",
    "other processes us", "service cores",
)  # fmt: skip
MEMORY_COLUMNS = ("clients", "from", "to", "KB per client: workers", "front end")
RESULT_COLUMNS = ("clients", "largest number", "confirmed for s", "next larger failed by", "service says")

_IPC_SECONDS = 2.0


def curve_row(point: Point, definition: Definition) -> list[object]:
    """One run."""
    first = [item.first_output for item in point.outcome.sessions if item.first_output >= 0]
    opening, cost = Quantiles.of(first), point.cost
    return [
        point.kind, point.clients, f"{point.seconds:g}", point.quantiles.count, *point.quantiles.cells(),
        f"{opening.p50_ms:.1f} / {opening.p99_ms:.1f}", point.underruns(definition.held_ms),
        f"{point.overrun_share:.2%}", str(point.outcome.punctuality), f"{cost.front_end_us:.0f}",
        f"{cost.worker_us:.0f}", f"{cost.rows:.2f}",
        f"{cost.service_cores:.2f} / {point.generator_cores:.2f}",
        ", ".join(point.faults(definition)) or "passes",
    ]  # fmt: skip


def cost_rows(points: list[Point], workers: int) -> list[list[object]]:
    """Where the time of a message goes, in each run."""
    rows: list[list[object]] = []
    with IpcWorker() as other_end:
        for point in points:
            streams, cost = max(1, point.streams // workers), point.cost
            low = other_end.cost(streams, _IPC_SECONDS, paced=False)
            high = other_end.cost(streams, _IPC_SECONDS, paced=True)
            rest = cost.worker_us - cost.model_us
            between = f"{rest - high.worker_us:.0f} to {rest - low.worker_us:.0f}"
            rows.append([
                point.kind, point.clients, f"{cost.front_end_us:.0f}",
                f"{low.front_end_us:.0f} to {high.front_end_us:.0f}", f"{cost.worker_us:.0f}",
                f"{cost.model_us:.0f}", f"{low.worker_us:.0f} to {high.worker_us:.0f}", between,
                f"{cost.others_us:.0f}", f"{cost.service_cores:.2f}",
            ])  # fmt: skip
    return rows


def result_row(run: CapacityRun, announced: float | None) -> list[object]:
    """What was confirmed, and what stood in the way of more."""
    says = "not exported" if announced is None else f"{announced:g}"
    best = run.largest.clients if run.largest else 0
    above = [point for point in run.points if point.clients > best and point.faults(run.definition)]
    nearest = min(above, key=lambda point: point.clients, default=None)
    limit = f"{nearest.clients}: {', '.join(nearest.faults(run.definition))}" if nearest else "none was tried"
    return [run.kind, best, f"{run.largest.seconds:g}" if run.largest else "", limit, says]


def measure(run: CapacityRun, arguments: Namespace, announced: float | None) -> None:
    """What the options ask for."""
    run.warm_up(arguments.workers)
    if arguments.curve:
        run.curve(sorted(map(int, arguments.curve.split(","))), arguments.seconds)
    if arguments.confirm:
        run.confirm(arguments.confirm, arguments.confirm_seconds)
    if not arguments.curve and not arguments.confirm:
        run.search(announced, arguments.limit, (arguments.seconds, arguments.confirm_seconds))
        if run.largest:
            run.curve([max(1, round(SHARE * (announced or run.largest.clients)))], arguments.seconds)


def measure_kind(kind: Kind, offline: Offline, arguments: Namespace, definition: Definition) -> None:
    """All tables of one kind, on a service of its own."""
    name = f"{arguments.model} {offline.version}, n_q {arguments.n_q}, {arguments.workers} workers"
    slots = ("--slots", str(arguments.limit))
    with RunningService(arguments.repository, arguments.model, arguments.workers, *slots) as service:
        bench = Bench(service, offline, arguments.n_q, ramp_seconds=2.0 if arguments.quick else 5.0)
        announced, page = Scrape.take(service).capacity(kind), capacity_page(service)
        title = f"Lateness against {kind} clients, {name}, bar {definition.bar_ms:g} ms"
        lines = GrowingTable(title, CURVE_COLUMNS, arguments.out)
        run = CapacityRun(bench, kind, definition, lambda point: lines.add(curve_row(point, definition)))
        measure(run, arguments, announced)
        lines.end()
    costs = cost_rows(run.points, arguments.workers)
    show(table(f"CPU per message of 80 ms, {kind}", COST_COLUMNS, costs), arguments.out)
    if (found := run.memory_kb()) and run.first:
        most = max(point.clients for point in run.points)
        row = [kind, run.first.clients, most, *(f"{value:.0f}" for value in found)]
        show(table(f"Resident memory, {kind}", MEMORY_COLUMNS, [row]), arguments.out)
    if not arguments.curve or arguments.confirm:
        results = [result_row(run, announced)]
        show(table(f"Live streams at a time, {kind}", RESULT_COLUMNS, results), arguments.out)
    show(f"`GET /capacity` said: {page or 'there is no such page'}\n", arguments.out)


def _parser() -> ArgumentParser:
    parser = make_parser(__doc__)
    add_workers(parser)
    parser.add_argument("--kinds", default="encode,decode,duplex", metavar="KIND,KIND")
    parser.add_argument("--curve", default="", metavar="N,N", help="so many clients each; no search")
    parser.add_argument("--confirm", type=int, default=0, metavar="N", help="a long run of N; no search")
    parser.add_argument("--seconds", type=float, default=30.0, help="of each run of a curve or search")
    parser.add_argument("--confirm-seconds", type=float, default=600.0, help="of the run that confirms")
    parser.add_argument("--bar-ms", type=float, help="for p99.9 (default: one frame of the model)")
    parser.add_argument("--held-ms", type=float, help="that players hold back (default: two frames)")
    parser.add_argument("--limit", type=int, default=1000, help="clients at most")
    parser.add_argument("--n-q", type=int, default=8)
    parser.add_argument("--quick", action="store_true", help="up to 6 clients, a few seconds: does it run?")
    return parser


def main() -> None:
    """Measure each kind in turn and write the tables."""
    arguments = _parser().parse_args()
    if arguments.quick:
        arguments.seconds, arguments.confirm_seconds, arguments.limit = 4.0, 5.0, 6
    offline = Offline.open(arguments.repository, arguments.model)
    frame_ms = 1000 * offline.loaded.codec.config.hop_samples / offline.loaded.codec.config.sample_rate
    definition = Definition(arguments.bar_ms or frame_ms, arguments.held_ms or 2 * frame_ms)
    for kind in map(Kind, arguments.kinds.split(",")):
        measure_kind(kind, offline, arguments, definition)


if __name__ == "__main__":
    main()
