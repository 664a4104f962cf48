"""The few shapes that steps are padded to, so that each can be made ready beforehand."""

from dataclasses import dataclass

from service.ipc import Operation
from service.worker.engine import Geometry

MAX_WIDTH = 64
_FIXED_CPU_WIDTH = 8
_READY_SECONDS = 0.16
"""Live messages of up to so much audio, or two of half of it that waited together, find their shape ready.

Longer steps are bound by arithmetic, not by launches (sglang-omni #798: a graph gains a factor of 2.2 at 4
frames and 1.04 at 100).
"""


_LONGER = (16, 24, 32, 48, 64)
"""Frames of longer steps: few, so that all have their buffers after a while, and plans of Fourier transforms,
which the graphs use but do not own, are never so many that torch drops the oldest."""


@dataclass(frozen=True, slots=True)
class Shape:
    """`width` rows of `frames` frames, with `n_q` codebooks."""

    width: int
    frames: int
    n_q: int


@dataclass(frozen=True, slots=True)
class Shapes:
    """The shapes of one operation: ascending widths, numbers of frames and of codebooks.

    `frames`: those to be made beforehand; `longer`: those made when they are needed. Frames are never padded,
    for every frame moves the state: a step of any other length is taken in several. With `fixed`, there are
    steps of one width and of one frame only: what a row gives then depends on nothing but its own past.
    """

    widths: tuple[int, ...]
    frames: tuple[int, ...]
    n_qs: tuple[int, ...]
    longer: tuple[int, ...] = ()

    @classmethod
    def of(cls, operation: Operation, geometry: Geometry, rows: int, device: str, *, fixed: bool) -> "Shapes":
        """Those for an engine of `rows` rows."""
        n_qs = [geometry.codebooks]
        if operation == Operation.ENCODE:
            # Every stage of the quantizer is a search; codes of the first n stages are the same in all.
            n_qs = sorted({max(1, geometry.codebooks // 4), geometry.codebooks})
        if fixed:
            width = _FIXED_CPU_WIDTH if device == "cpu" else MAX_WIDTH
            return cls((width,), (1,), tuple(n_qs))
        widest = min(rows, MAX_WIDTH)
        widths = [1 << power for power in range((widest - 1).bit_length() + 1)]
        longest = max(1, round(_READY_SECONDS / geometry.frame_seconds))
        longer = tuple(frames for frames in _LONGER if frames > longest)
        return cls(tuple(widths), tuple(range(1, longest + 1)), tuple(n_qs), longer)

    @property
    def ready(self) -> list[Shape]:
        """All to be made beforehand."""
        return [Shape(w, t, n) for w in self.widths for t in self.frames for n in self.n_qs]

    def for_step(self, rows: int, frames: int, n_q: int) -> Shape:
        """The smallest shape that takes a step that `cuts` gave."""
        width = next(width for width in self.widths if width >= rows)
        return Shape(width, frames, next(count for count in self.n_qs if count >= n_q))

    def cuts(self, rows: int, frames: int) -> list[tuple[slice, slice]]:
        """The rows and frames of the steps that make up one of any size, in order."""
        width, spans, first = self.widths[-1], [], 0
        while first < frames:
            length = max(own for own in self.frames + self.longer if own <= frames - first)
            spans.append(slice(first, first + length))
            first += length
        return [(slice(row, min(row + width, rows)), span) for row in range(0, rows, width) for span in spans]
