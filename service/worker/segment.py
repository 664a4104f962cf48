"""The input of a stream between two flushes, cut into whole frames however it arrives."""

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Items = NDArray[Any]
"""`[item, width]`: samples of all channels, or frames of codes."""


@dataclass(slots=True)
class _Run:
    """Successive whole frames that are to be coded with the same n_q."""

    n_q: int
    frames: int


@dataclass(frozen=True, slots=True)
class _Input:
    sequence: int
    end: int
    arrived_ns: int


class Segment:
    """A queue of items that gives them back as frames of `items_per_frame`.

    A frame is coded with the n_q of the message that completes it, so frames are handed out in runs of
    one n_q. An input counts as consumed once no whole frame that holds part of it is left to step: a
    remainder shorter than a frame waits, but nothing can be done for it.
    """

    def __init__(self, items_per_frame: int) -> None:
        self.received = 0
        self.taken = 0
        self.emitted = 0
        self.flush_id: int | None = None
        self._items_per_frame = items_per_frame
        self._pieces: deque[Items] = deque()
        self._offset = 0
        self._runs: deque[_Run] = deque()
        self._inputs: deque[_Input] = deque()
        self._last: tuple[Items, int] | None = None

    @property
    def ready_frames(self) -> int:
        """Whole frames, all of one n_q, that can be taken now."""
        return self._runs[0].frames if self._runs else 0

    @property
    def n_q(self) -> int:
        """n_q of the ready frames; 0 when there are none."""
        return self._runs[0].n_q if self._runs else 0

    @property
    def pending_items(self) -> int:
        """Items that have come and not been taken."""
        return self.received - self.taken

    @property
    def pending_inputs(self) -> int:
        """Messages that have come and not been consumed."""
        return len(self._inputs)

    @property
    def finished(self) -> bool:
        """Flushed, and every frame taken."""
        return self.flush_id is not None and not self._runs

    @property
    def waiting_since_ns(self) -> int:
        """Arrival of the oldest input that is not consumed; 0 when there is none."""
        return self._inputs[0].arrived_ns if self._inputs else 0

    def push(self, items: Items, n_q: int, sequence: int, arrived_ns: int) -> None:
        """Append the items of one message."""
        self._append(items, n_q)
        self._inputs.append(_Input(sequence, self.received, arrived_ns))

    def flush(self, flush_id: int, lag_items: int) -> None:
        """No more input: pad with zeros so that whole frames cover the last item and `lag_items` after it.

        An empty segment stays empty.
        """
        self.flush_id = flush_id
        if self._last is None:
            return
        missing = -(self.received + lag_items) % self._items_per_frame + lag_items
        items, n_q = self._last
        self._append(np.zeros((missing, items.shape[1]), items.dtype), n_q)

    def take(self, frames: int) -> Items:
        """The next `frames` frames as `[item, width]`; no more than `ready_frames`."""
        run = self._runs[0]
        if frames > run.frames:
            raise ValueError(f"{frames} frames taken of {run.frames} that are ready")
        wanted = frames * self._items_per_frame
        self.taken += wanted
        run.frames -= frames
        if not run.frames:
            self._runs.popleft()
        parts = []
        while wanted:
            part = self._pieces[0][self._offset : self._offset + wanted]
            parts.append(part)
            wanted -= len(part)
            self._offset += len(part)
            if self._offset == len(self._pieces[0]):
                self._pieces.popleft()
                self._offset = 0
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def consumed(self) -> int | None:
        """Forget the inputs that are consumed by now; the sequence of the last of them, or None."""
        last = None
        while self._inputs and (not self._runs or self._inputs[0].end <= self.taken):
            last = self._inputs.popleft().sequence
        return last

    def _append(self, items: Items, n_q: int) -> None:
        if not len(items):
            return
        before = self.received // self._items_per_frame
        self.received += len(items)
        self._pieces.append(items)
        self._last = items, n_q
        completed = self.received // self._items_per_frame - before
        if not completed:
            return
        if self._runs and self._runs[-1].n_q == n_q:
            self._runs[-1].frames += completed
        else:
            self._runs.append(_Run(n_q, completed))
