"""So many live streams of a kind for a while: lateness, and what they cost in each process of the service."""

from dataclasses import dataclass, field

from tests.bench.offline import Offline
from tests.bench.processes import Census, Role
from tests.bench.running_service import RunningService
from tests.bench.scrape import Scrape, difference
from tests.bench.speech import RATE
from tests.load.lateness import Quantiles
from tests.load.results import Outcome, Part
from tests.load.schedule import SIDES, Kind, Shape, sessions
from tests.load.scripts import MESSAGE_SECONDS, Scripts
from tests.load.streams import StreamLoad, measuring_span

MOST_OVERRUNS = 0.001
"""Of all steps: those that take longer than the audio that they move a stream on by."""

_VOICES = 2
_STEPS_CPU = "codec_worker_cpu_seconds_total"
_OVERRUNS = "codec_tick_overruns_total"
_TICKS = "codec_tick_seconds_count"
_ROWS = "codec_worker_rows_total"
_FRAMES = "codec_worker_frames_total"


@dataclass(frozen=True, slots=True)
class Definition:
    """What it means that so many streams are served: p99.9 of lateness below `bar_ms`, and nothing missed by
    players that hold `held_ms` back."""

    bar_ms: float
    held_ms: float


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU microseconds per message of 80 ms. `model_us`: of the worker's, in steps of the model, as the
    worker tells it; the rest of the worker's is scheduling and IPC. `rows`: streams in a step, on average."""

    front_end_us: float
    worker_us: float
    model_us: float
    others_us: float
    service_cores: float
    rows: float

    @classmethod
    def between(
        cls, censuses: tuple[Census, Census], scrapes: tuple[Scrape, Scrape], streams: int, frames: float
    ) -> "Cost":
        """What was used from the first look to the second, by so many gRPC streams; `frames`: of a message.

        Workers tell their counters once a second, all of one moment: only what they say is divided by it.
        """
        before, after = censuses
        seconds = after.at - before.at
        used = {role: after.cpu_seconds_since(before, role) for role in Role}
        each = 1e6 * MESSAGE_SECONDS / (streams * seconds)
        return cls(
            front_end_us=each * used[Role.FRONT_END],
            worker_us=each * used[Role.WORKER],
            model_us=1e6 * frames * difference(scrapes, _STEPS_CPU) / max(1.0, difference(scrapes, _FRAMES)),
            others_us=each * (used[Role.SUPERVISOR] + used[Role.DECODER]),
            service_cores=sum(used.values()) / seconds,
            rows=difference(scrapes, _ROWS) / max(1.0, difference(scrapes, _TICKS)),
        )


@dataclass(frozen=True, slots=True)
class Point:
    """A measurement. `worker_mb`: resident, of all workers; `overrun_share`: of steps."""

    kind: Kind
    clients: int
    seconds: float
    outcome: Outcome
    cost: Cost
    generator_cores: float
    worker_mb: float
    front_end_mb: float
    overrun_share: float

    @property
    def quantiles(self) -> Quantiles:
        """Of the lateness of all messages."""
        return self.outcome.quantiles

    @property
    def streams(self) -> int:
        """GRPC streams: a duplex client has two."""
        return self.clients * len(SIDES[self.kind])

    def underruns(self, held_ms: float) -> int:
        """Of players that hold so much back."""
        return self.outcome.underruns_of(held_ms / 1000)

    def faults(self, definition: Definition) -> list[str]:
        """Why so many are too many; none if every condition of the definition is met."""
        found = {
            f"p99.9 above {definition.bar_ms:g} ms": not self.quantiles.p999_ms < definition.bar_ms,
            "underruns": self.underruns(definition.held_ms) > 0,
            "steps overran": self.overrun_share >= MOST_OVERRUNS,
            "refused": bool(self.outcome.refused),
            "broken off": bool(self.outcome.failed),
            "WRONG CODES": self.outcome.wrong > 0,
            "generator late": not self.outcome.punctuality.on_time,
        }
        return [fault for fault, is_there in found.items() if is_there]


@dataclass(slots=True)
class Bench:
    """Takes points, one after the other, of one service; clips of each length are made once."""

    service: RunningService
    offline: Offline
    n_q: int
    ramp_seconds: float = 5.0
    _scripts: dict[float, Scripts] = field(default_factory=dict, init=False)

    def point(self, kind: Kind, clients: int, seconds: float) -> Point:
        """All clients for `seconds` after the last of them has joined."""
        shape = Shape(
            **{kind.value: clients}, seconds=self.ramp_seconds + seconds, ramp_seconds=self.ramp_seconds
        )
        scripts = self.scripts(shape.seconds)
        since, until = measuring_span(shape)
        with StreamLoad(self.service.grpc_target, scripts, sessions(shape, scripts.seconds)) as load:
            load.sleep_until(since)
            before = Census.take(self.service), Scrape.take(self.service)
            load.sleep_until(until)
            after = Census.take(self.service), Scrape.take(self.service)
            parts = load.parts()
        scrapes = before[1], after[1]
        frames = MESSAGE_SECONDS * RATE / scripts.hop_samples
        cost = Cost.between((before[0], after[0]), scrapes, clients * len(SIDES[kind]), frames)
        return Point(
            *(kind, clients, seconds, Outcome.of(parts, kind, (since, until)), cost, _cores(parts)),
            *(after[0].memory_mb(Role.WORKER), after[0].memory_mb(Role.FRONT_END)),
            difference(scrapes, _OVERRUNS) / max(1.0, difference(scrapes, _TICKS)),
        )

    def scripts(self, seconds: float) -> Scripts:
        """Clips of a length, and their codes."""
        if seconds not in self._scripts:
            self._scripts[seconds] = Scripts.make(self.offline, [seconds], _VOICES, self.n_q)
        return self._scripts[seconds]


def _cores(parts: list[Part]) -> float:
    return sum(part.cores for part in parts)
