"""What is known outside of one session: what was sent, and what every answer must be."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.ipc import Kind, Operation
from tests.service.worker.oracle import GEOMETRY, flushed, reference_audio, reference_codes

_HOP = GEOMETRY.hop_samples


@dataclass
class Sent:
    """Input of one segment with the n_q of every whole frame of it, and what came back."""

    operation: Operation
    pieces: list[NDArray[Any]] = field(default_factory=list, init=False)
    received: int = field(default=0, init=False)
    n_q: int = field(default=0, init=False)
    frame_n_qs: list[int] = field(default_factory=list, init=False)
    waiting: list[tuple[int, int]] = field(default_factory=list, init=False)
    answers: list[NDArray[Any]] = field(default_factory=list, init=False)
    answered_items: int = field(default=0, init=False)
    stepped_frames: int = field(default=0, init=False)
    flush_id: int | None = field(default=None, init=False)

    @property
    def ready_frames(self) -> int:
        """Whole frames that have come and not been stepped."""
        return len(self.frame_n_qs) - self.stepped_frames

    @property
    def waiting_since_ns(self) -> int:
        """When the oldest message came of which something is to be stepped."""
        return self.waiting[0][1] if self.waiting else 0

    def settle(self) -> None:
        """Forget the messages of which nothing is left to be stepped; only of the front segment."""
        size = _HOP if self.operation == Operation.ENCODE else 1
        while self.waiting and (not self.ready_frames or self.waiting[0][0] <= self.stepped_frames * size):
            self.waiting.pop(0)

    def add(self, items: NDArray[Any], n_q: int, arrived_ns: int = 0) -> None:
        """One message; a frame has the n_q of that which completes it."""
        self.pieces.append(items)
        self.received += len(items)
        self.waiting.append((self.received, arrived_ns))
        self.n_q = n_q if len(items) else self.n_q
        size = _HOP if self.operation == Operation.ENCODE else 1
        self.frame_n_qs += [n_q] * (self.received // size - len(self.frame_n_qs))

    def flush(self, flush_id: int) -> None:
        """No more will come."""
        self.flush_id = flush_id
        if self.operation == Operation.ENCODE and self.received:
            frames = -(-(self.received + GEOMETRY.delay_samples) // _HOP)
            self.frame_n_qs += [self.n_q] * (frames - len(self.frame_n_qs))

    def check(self, *, whole: bool) -> None:
        """The answers are a prefix of the right answer; all of it if `whole`."""
        got = np.concatenate(self.answers) if self.answers else np.empty(0)
        wanted = self._wanted()
        assert np.array_equal(got, wanted if whole else wanted[: len(got)])

    def _wanted(self) -> NDArray[Any]:
        if self.operation == Operation.DECODE:
            return reference_audio([frame for piece in self.pieces for frame in piece])
        audio = np.concatenate([*self.pieces, np.empty(0, np.float32)]).astype(np.float32)
        codes = reference_codes(audio if self.flush_id is None else flushed(audio))
        frames = [frame[:n_q] for frame, n_q in zip(codes, self.frame_n_qs, strict=True)]
        return np.concatenate([*frames, np.empty(0)])


@dataclass
class Peer:
    """What is known outside of one session."""

    operation: Operation
    caller: int
    kind: Kind
    segments: list[Sent]
    deadline_ns: int = field(default=0, init=False)
    opened: bool = field(default=False, init=False)
    sequence: int = field(default=0, init=False)
    acknowledged: int = field(default=-1, init=False)
    paced_ns: int = field(default=0, init=False)

    @property
    def is_job(self) -> bool:
        return self.kind is not Kind.OPEN
