"""How long a step will take: a linear model per operation, fitted at start and corrected as it runs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_CORRECTION_RATE = 0.05
_CORRECTION_BOUNDS = (0.25, 64.0)
_MOST_SURPRISE = 4.0


@dataclass(frozen=True, slots=True)
class Timing:
    """One measured step."""

    rows: int
    frames: int
    n_q: int
    seconds: float


class CostModel:
    """Predicted seconds of a step: `fixed + rows·frames·(per_frame + per_code·n_q)`, times a correction.

    The correction follows what steps really take, so that a machine that became busier gets shorter
    chunks at once; how many streams there may be is decided by what lasts, see `Slowdown`. It moves by a twentieth per step, and no step counts for more than four times
    what was expected: that one was interrupted.
    """

    def __init__(self, fixed: float, per_frame: float, per_code: float) -> None:
        self.fixed = fixed
        self.per_frame = per_frame
        self.per_code = per_code
        self.correction = 1.0

    @classmethod
    def fit(cls, timings: Sequence[Timing]) -> "CostModel":
        """Least squares over measured steps; negative terms, which only noise can give, become zero."""
        features = np.array([[1.0, t.rows * t.frames, t.rows * t.frames * t.n_q] for t in timings])
        seconds = np.array([t.seconds for t in timings])
        # Relative error counts: a live step of 3 ms matters as much as a chunk of 20 ms.
        weights = 1.0 / np.maximum(seconds, 1e-9)
        solution = np.linalg.lstsq(features * weights[:, None], seconds * weights, rcond=None)[0]
        fixed, per_frame, per_code = (max(0.0, float(term)) for term in solution)
        return cls(fixed, max(per_frame, 1e-9), per_code)

    def seconds(self, rows: int, frames: int, n_q: int) -> float:
        """Predicted duration of one step."""
        return self.correction * self.calibrated_seconds(rows, frames, n_q)

    def calibrated_seconds(self, rows: int, frames: int, n_q: int) -> float:
        """What the step would have taken when the model was fitted."""
        return self.fixed + rows * frames * self._per_row_frame(n_q)

    def frames_within(self, seconds: float, n_q: int) -> int:
        """Frames, at least one, that a single row can step in the given time."""
        left = seconds / self.correction - self.fixed
        return max(1, int(left / self._per_row_frame(n_q)))

    def even_frames(self, n_q: int) -> int:
        """Frames, at least one, of which a row costs as much as the step itself."""
        return max(1, round(self.fixed / self._per_row_frame(n_q)))

    def observe(self, timing: Timing) -> None:
        """Learn from a step that ran."""
        surprise = timing.seconds / self.seconds(timing.rows, timing.frames, timing.n_q)
        change = _CORRECTION_RATE * (min(surprise, _MOST_SURPRISE) - 1.0)
        moved = self.correction * (1.0 + change)
        low, high = _CORRECTION_BOUNDS
        self.correction = min(high, max(low, moved))

    def _per_row_frame(self, n_q: int) -> float:
        return self.per_frame + self.per_code * n_q
