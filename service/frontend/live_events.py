"""What goes into a live stream and what comes out of it, whatever carries it."""

from dataclasses import dataclass
from typing import NamedTuple

from service.samples import SampleForm


class Given(NamedTuple):
    """Input for the codec: samples of the form, or u16 codes, of so many samples or frames.

    `n_q`: of the frames that it completes, or has.
    """

    payload: bytes | memoryview
    items: int
    n_q: int
    form: SampleForm = SampleForm.F32


@dataclass(frozen=True, slots=True)
class Start:
    """Where a stream begins: frame `first_frame`, after the frames of `prime`.

    `hidden_frames`: as many of the first frames are not told, for they are those of the prime.
    """

    first_frame: int = 0
    prime: tuple[Given, ...] = ()
    hidden_frames: int = 0


AT_ZERO = Start()


@dataclass(frozen=True, slots=True)
class Data:
    """Output of the codec: codes or samples; `first` counts frames or samples from the last flush."""

    first: int
    n_q: int
    payload: bytes

    def part(self, item_bytes: int, start: int, end: int | None = None) -> "Data | None":
        """What of it lies in items `start` up to `end`; None for nothing."""
        n_items = len(self.payload) // item_bytes
        skip = max(0, start - self.first)
        keep = n_items if end is None else min(n_items, end - self.first)
        if skip >= keep:
            return None
        if not skip and keep == n_items:
            return self
        return Data(self.first + skip, self.n_q, self.payload[skip * item_bytes : keep * item_bytes])


@dataclass(frozen=True, slots=True)
class Codes:
    """Codes that go on into the other half of a reconstruction, for clients that want them, too."""

    data: Data


@dataclass(frozen=True, slots=True)
class Flushed:
    """All output of what came before the client's flush of this id has been handed out."""

    id: int


@dataclass(frozen=True, slots=True)
class GoAway:
    """The service wants the stream to end within the time."""

    reason: str
    deadline_seconds: float


Event = Data | Codes | Flushed | GoAway


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """`window_seconds`: audio that may be unprocessed or unread; `slow_reader_seconds`: how long the client
    may leave output lying; `idle_seconds`: how long it may say nothing."""

    window_seconds: float
    slow_reader_seconds: float
    idle_seconds: float
