"""One job or live stream inside a worker: its place, its input, and what it has given back."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from numpy.typing import NDArray

from service.ipc import Operation
from service.samples import SampleForm
from service.worker.engine import Geometry
from service.worker.segment import Segment
from service.worker.slots import Lease

NOTHING_CONSUMED = 0xFFFF_FFFF
"""Sequence in a DATA that is sent before the first input of the stream is consumed wholly."""

_BURST_NS = 1_000_000_000
_WINDOW_NS = 2_000_000_000
_PAUSE_NS = 60_000_000
_UNSTEADY_NS = 4_000_000
_TRUST = 8


class SessionKey(NamedTuple):
    """Sessions are numbered by the front end, uniquely within its connection."""

    connection: int
    session: int


@dataclass(slots=True, eq=False)
class Session:
    """State of one session; everything causal is a stream, so a job is a stream that is flushed at once.

    `deadline_ns`: monotonic clock, 0 = none. `caller`, `bulk`, `order_ns`: see `Queued`. `outputs`: what a
    job has given so far. `form`: of samples that are given. `paced_ns`: when a real-time source would have
    spoken what was served. `due_ns`: when a live source, which sends as it speaks, has its next message.
    """

    key: SessionKey
    operation: Operation
    n_q: int
    lease: Lease
    geometry: Geometry
    is_job: bool
    arrived_ns: int
    deadline_ns: int = 0
    caller: int = field(default=0, init=False)
    bulk: bool = field(default=False, init=False)
    order_ns: int = field(default=0, init=False)
    form: SampleForm = field(default=SampleForm.F32, init=False)
    started_ns: int = field(default=0, init=False)
    run_ns: int = field(default=0, init=False)
    paced_ns: int = field(default=0, init=False)
    due_ns: int = field(default=0, init=False)
    consumed: int = field(default=NOTHING_CONSUMED, init=False)
    segments: deque[Segment] = field(default_factory=deque, init=False)
    outputs: list[NDArray[Any]] = field(default_factory=list, init=False)

    @property
    def items_per_frame(self) -> int:
        """Items of input that make a frame: samples or frames of codes."""
        return self.geometry.hop_samples if self.operation == Operation.ENCODE else 1

    @property
    def ready_frames(self) -> int:
        """Frames that could be stepped now."""
        return self.segments[0].ready_frames if self.segments else 0

    @property
    def pending_seconds(self) -> float:
        """Audio that has come and not been stepped."""
        items = sum(segment.pending_items for segment in self.segments)
        return items / self.items_per_frame * self.geometry.frame_seconds

    @property
    def pending_inputs(self) -> int:
        """Messages that have come and not been consumed, flushes included."""
        return len(self.segments) + sum(segment.pending_inputs for segment in self.segments)

    def open_segment(self) -> Segment:
        """The segment that input goes to."""
        if not self.segments or self.segments[-1].flush_id is not None:
            self.segments.append(Segment(self.items_per_frame))
        return self.segments[-1]

    def flush(self, flush_id: int) -> None:
        """End the segment that input goes to; an encoder is run on until its last sample is out."""
        lag = self.geometry.delay_samples if self.operation == Operation.ENCODE else 0
        self.open_segment().flush(flush_id, lag)

    def push(
        self, items: NDArray[Any], n_q: int, sequence: int, now_ns: int, earliest_ns: int | None = None
    ) -> None:
        """Input of a live stream; `earliest_ns`: since when it may have waited to be read, None = now."""
        self.open_segment().push(items, n_q, sequence, now_ns)
        came_ns = self._came_ns(now_ns if earliest_ns is None else earliest_ns, now_ns)
        self.due_ns = came_ns + round(len(items) / self.items_per_frame * self.geometry.frame_seconds * 1e9)

    def _came_ns(self, earliest_ns: int, now_ns: int) -> int:
        """When a message came that is read now, in the steady time of its source: when it was due if that
        may be; what came a little late, or has been read late, moves that a little."""
        due_ns = self.due_ns
        if due_ns > now_ns:
            return now_ns - (now_ns - earliest_ns) // _TRUST
        if not due_ns or now_ns - due_ns > _PAUSE_NS:
            return now_ns
        late_ns = max(0, earliest_ns - due_ns)
        return due_ns + (late_ns if late_ns > _UNSTEADY_NS else late_ns // _TRUST)

    def deliver(self, output: NDArray[Any]) -> tuple[int, NDArray[Any]]:
        """Account for the output `[item, width]` of a step of the front segment.

        Returns the index of the first item that goes out, counted from the start of the segment, and
        the items: what a decoder gives before sample 0 of the input is dropped.
        """
        segment = self.segments[0]
        skip = self.geometry.delay_samples if self.operation == Operation.DECODE else 0
        first = segment.emitted - skip
        segment.emitted += len(output)
        return max(0, first), output[max(0, -first) :]

    def is_ahead(self, now_ns: int) -> bool:
        """Whether the stream has been served more than a real-time source could have said by now."""
        return self.paced_ns - now_ns > _BURST_NS

    def pace(self, frames: int, arrived_ns: int) -> None:
        """Account for frames served to a live stream, of input that came then.

        A source that was kept waiting, by this worker or on the way, for no longer than a window holds is
        not ahead when it is caught up with.
        """
        served_ns = round(frames * self.geometry.frame_seconds * 1e9)
        self.paced_ns = max(self.paced_ns, arrived_ns - _WINDOW_NS) + served_ns

    def lateness_ns(self, now_ns: int) -> int:
        """How long a real-time source has waited for its next frame to be stepped; below 0 for one ahead."""
        return now_ns - max(self.paced_ns, self.segments[0].waiting_since_ns)
