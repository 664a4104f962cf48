"""More work than the service can do: what it still gets done, how fast it says no, and whom that harms.

    python -m tests.bench.overload                          about ten minutes
    python -m tests.bench.overload --seconds 60 --factor 2 --kind duplex
    python -m tests.bench.overload --streams 80             residents, where the service exports no capacity
    python -m tests.bench.overload --quick

One-shot: the peak in a closed loop, then an open loop of `--factor` times the peak. Goodput counts right
answers only. Streams: residents fill 90 % of the capacity; half-way as many newcomers as make it `--factor`
times the capacity ask at once, and again whenever they were told to, until the end. Beside others: residents
at 70 % of the capacity, beside whom, from half-way on, bulk is done in a closed loop, or interactive one-shot
work of `--factor` times the peak is offered. Refusals should come within 50 ms and say when to come again;
the lateness of residents should not move.
"""

from argparse import ArgumentParser, Namespace
from dataclasses import dataclass

import numpy as np

from tests.bench.offline import Offline
from tests.bench.options import add_workers, make_parser
from tests.bench.running_service import RunningService
from tests.bench.scrape import Scrape
from tests.bench.tables import show, table
from tests.load.lateness import Punctuality, Quantiles
from tests.load.posts import Posted, PostJob, PostLoad
from tests.load.rest_requests import RestRequest, make_requests
from tests.load.results import Outcome, SessionResult
from tests.load.schedule import SIDES, Kind, Session, Shape, sessions
from tests.load.scripts import Scripts
from tests.load.streams import WARM_UP_SECONDS, StreamLoad

ONE_SHOT_COLUMNS = (
    "clip", "offered", "goodput/s", "of peak", "refused/s", "refused p50 ms", "p99 ms", "Retry-After",
    "failed", "wrong", "answered p50 ms", "p99 ms", "generator", "given up",
)  # fmt: skip
STREAM_COLUMNS = (
    "streams", "clients", "messages", "p50 ms", "p99 ms", "p99.9 ms", "max ms", "underruns", "broken off",
    "checked / wrong",
)  # fmt: skip
REFUSAL_COLUMNS = ("attempts", "admitted", "refused", "p50 ms", "p99 ms", "p99.9 ms", "max ms", "told when")

_VOICES = 3
_RESIDENT_SHARE = 0.9
_BULK_SHARE = 0.7
_WARM_UP_SECONDS = 5.0
_SETTLING_SECONDS = 1.0
_RUSH_SECONDS = 1.0
_CLOSED_CLIENTS = 32
_BULK_CLIENTS = 8


@dataclass(frozen=True, slots=True)
class Offer:
    """What the scripts share: who serves, what is asked, how long each part takes."""

    service: RunningService
    offline: Offline
    kind: Kind
    seconds: float
    factor: float
    n_q: int

    def scripts(self) -> Scripts:
        """Clips as long as a part, for residents, and then clips of half of that, for newcomers."""
        return Scripts.make(self.offline, [self.seconds, self.seconds / 2], _VOICES, self.n_q)

    def encode_requests(self, clip_seconds: float) -> list[RestRequest]:
        """One-shot requests."""
        made = make_requests(self.offline, [clip_seconds], _VOICES, self.n_q)
        return [request for request in made if request.operation == "encode"]

    def post_job(self, requests: list[RestRequest], seconds: float, per_second: float) -> PostLoad:
        """So many requests a second (0: a closed loop, as many as can be answered)."""
        clients = 0 if per_second else _CLOSED_CLIENTS
        job = PostJob(
            self.service.http_port,
            requests[0].path,
            seconds,
            clients,
            per_second,
            min(_WARM_UP_SECONDS, seconds),
        )
        return PostLoad(job, [request.body for request in requests])


def one_shot(offer: Offer, clip_seconds: float) -> tuple[float, list[list[object]]]:
    """Peak, and the rows of the closed and the open loop."""
    requests = offer.encode_requests(clip_seconds)
    rows, peak = [], 0.0
    for name in ("closed loop", f"{offer.factor:g} x peak"):
        with offer.post_job(requests, offer.seconds, offer.factor * peak) as load:
            posted = load.result()
        goodput = _goodput(posted, requests)
        peak = peak or goodput
        rows.append([f"{clip_seconds:g} s", name, *_one_shot_cells(posted, requests, goodput / peak)])
    return peak, rows


def newcomers(offer: Offer, capacity: int) -> str:
    """Tables of residents and newcomers."""
    scripts = offer.scripts()
    residents = max(1, round(_RESIDENT_SHARE * capacity))
    rush = max(1, round(offer.factor * capacity) - residents)
    shape = Shape(**{offer.kind.value: residents}, seconds=offer.seconds, ramp_seconds=offer.seconds / 8)
    half = offer.seconds / 2
    played = sessions(shape, scripts.seconds[:_VOICES])
    for number, join in enumerate(np.linspace(half, half + min(_RUSH_SECONDS, half / 4), rush)):
        script = _VOICES + number % _VOICES
        played += [
            Session(offer.kind, side, residents + number, float(join), script, number % 4 == 0, offer.seconds)
            for side in SIDES[offer.kind]
        ]
    with StreamLoad(offer.service.grpc_target, scripts, played) as load:
        parts = load.parts()
    before = (shape.ramp_seconds + WARM_UP_SECONDS, half)
    during = (half + _SETTLING_SECONDS, offer.seconds)
    early = Outcome.of(parts, None, before, range(residents))
    late = Outcome.of(parts, None, during, range(residents))
    extra = Outcome.of(parts, None, during, range(residents, residents + rush))
    rows = [
        _stream_cells("residents, before", residents, early),
        _stream_cells(f"residents, {offer.factor:g} x capacity asked for", residents, late),
        _stream_cells("newcomers that were admitted", rush, extra),
    ]
    tried = [session for part in parts for session in part.sessions if session.seat >= residents]
    text = table(f"{offer.kind} streams beyond the capacity of {capacity}", STREAM_COLUMNS, rows)
    text += f"\nGenerator: {Outcome.of(parts).punctuality}\n\n"
    return text + table("Answers to newcomers", REFUSAL_COLUMNS, [_refusal_cells(tried)])


def beside_work(
    offer: Offer, capacity: int, clip_seconds: float, peak: float, *, bulk: bool
) -> list[list[object]]:
    """Rows of residents without and with one-shot work beside them, and what of that was done."""
    scripts = offer.scripts()
    residents = max(1, round(_BULK_SHARE * capacity))
    shape = Shape(**{offer.kind.value: residents}, seconds=offer.seconds, ramp_seconds=offer.seconds / 8)
    requests = offer.encode_requests(clip_seconds)
    half = offer.seconds / 2
    warm_up = min(_WARM_UP_SECONDS, half / 4)
    with StreamLoad(offer.service.grpc_target, scripts, sessions(shape, scripts.seconds[:_VOICES])) as load:
        load.sleep_until(half)
        clients, rate = (_BULK_CLIENTS, 0.0) if bulk else (0, offer.factor * peak)
        port, path = offer.service.http_port, requests[0].path
        job = PostJob(port, path, half - warm_up, clients, rate, warm_up, bulk=bulk)
        with PostLoad(job, [request.body for request in requests]) as posting:
            posted = posting.result()
        parts = load.parts()
    alone = Outcome.of(parts, None, (shape.ramp_seconds + WARM_UP_SECONDS, half))
    beside = Outcome.of(parts, None, (half + warm_up, offer.seconds))
    goodput = _goodput(posted, requests)
    kind = "bulk" if bulk else f"{offer.factor:g} x peak of interactive"
    name = f"beside {kind}, {clip_seconds:g} s clips: {goodput:.1f} of {peak:.1f}/s done"
    return [_stream_cells("alone", residents, alone), _stream_cells(name, residents, beside)]


def _goodput(posted: Posted, requests: list[RestRequest]) -> float:
    return posted.rate() - _wrong(posted, requests) / posted.seconds


def _wrong(posted: Posted, requests: list[RestRequest]) -> int:
    return posted.wrong(lambda number, body: not requests[number].fault(body))


def _one_shot_cells(posted: Posted, requests: list[RestRequest], share: float) -> list[object]:
    refused = Quantiles.of(posted.times(lambda status: status == 503))
    answered = Quantiles.of(posted.times(lambda status: status == 200))
    told = sum(
        retry for status, retry in zip(posted.status, posted.retry_after, strict=True) if status == 503
    )
    others = sum(status not in (200, 503) for status in posted.status)
    late = str(Punctuality.of(np.array(posted.late))) if posted.late else "closed loop"
    return [
        f"{_goodput(posted, requests):.1f}", f"{share:.2f}", f"{posted.rate(503):.1f}",
        f"{refused.p50_ms:.1f}", f"{refused.p99_ms:.1f}", f"{told} of {refused.count}", others,
        _wrong(posted, requests), f"{answered.p50_ms:.1f}", f"{answered.p99_ms:.1f}", late, posted.given_up,
    ]  # fmt: skip


def _stream_cells(name: str, clients: int, outcome: Outcome) -> list[object]:
    served = [session for session in outcome.sessions if not session.refused]
    checked = sum(session.checked for session in served)
    return [
        name, clients, outcome.quantiles.count, *outcome.quantiles.cells(), outcome.underruns,
        len(outcome.failed), f"{checked} / {outcome.wrong}",
    ]  # fmt: skip


def _refusal_cells(tried: list[SessionResult]) -> list[object]:
    refused = [session for session in tried if session.refused]
    taken = Quantiles.of([session.ended - session.began for session in refused])
    told = sum(session.retry_ms >= 0 for session in refused)
    return [len(tried), len(tried) - len(refused), len(refused), *taken.cells(), f"{told} of {len(refused)}"]


def _parser() -> ArgumentParser:
    parser = make_parser(__doc__)
    add_workers(parser)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each part")
    parser.add_argument("--factor", type=float, default=2.0, help="offered over capacity (default 2)")
    parser.add_argument("--clips", default="2,30", metavar="S,S", help="lengths of one-shot clips")
    parser.add_argument("--kind", type=Kind, default=Kind.ENCODE, choices=list(Kind), help="of streams")
    parser.add_argument("--streams", type=int, help="the capacity (default: what the service exports)")
    parser.add_argument("--n-q", type=int, default=8)
    parser.add_argument("--quick", action="store_true", help="few streams, a few seconds: does it run?")
    return parser


def _capacity(arguments: Namespace, service: RunningService) -> int:
    if arguments.streams:
        return int(arguments.streams)
    announced = Scrape.take(service).capacity(arguments.kind)
    if announced is None:
        raise SystemExit("the service exports no codec_stream_capacity; name the capacity with --streams")
    return int(announced)


def main() -> None:
    """Run all parts on one service and write the tables."""
    arguments = _parser().parse_args()
    slots = 1000
    if arguments.quick:
        arguments.seconds, arguments.clips = 8.0, "2"
        arguments.streams, slots = arguments.streams or 4, 4
    offline = Offline.open(arguments.repository, arguments.model)
    options = ("--slots", str(slots))
    one_shots, beside = [], []
    with RunningService(arguments.repository, arguments.model, arguments.workers, *options) as service:
        capacity = _capacity(arguments, service)
        offer = Offer(service, offline, arguments.kind, arguments.seconds, arguments.factor, arguments.n_q)
        for clip_seconds in map(float, arguments.clips.split(",")):
            peak, rows = one_shot(offer, clip_seconds)
            one_shots += rows
            for bulk in (True, False):
                beside += beside_work(offer, capacity, clip_seconds, peak, bulk=bulk)
        text = newcomers(offer, capacity)
    name = f"{arguments.model} {offline.version}, n_q {arguments.n_q}, {arguments.workers} workers"
    text = table(f"One-shot requests beyond the capacity, {name}", ONE_SHOT_COLUMNS, one_shots) + "\n" + text
    heading = f"{arguments.kind} streams at {_BULK_SHARE:.0%} of the capacity, other work beside them"
    show(text + "\n" + table(heading, STREAM_COLUMNS, beside), arguments.out)


if __name__ == "__main__":
    main()
