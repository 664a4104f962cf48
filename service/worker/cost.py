"""How long a step will take: a linear model per operation, fitted at start and corrected as it runs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_CORRECTION_RATE = 0.05
_CORRECTION_BOUNDS = (0.25, 64.0)
_MOST_SURPRISE = 4.0
_HARDLY = 0.05
"""Of what a frame of a row costs by itself."""


@dataclass(frozen=True, slots=True)
class Timing:
    """One measured step."""

    rows: int
    frames: int
    n_q: int
    seconds: float


class CostModel:
    """Predicted seconds of a step, `fixed + frames·(step_frame + rows·(per_frame + per_code·n_q))`, times a
    correction.

    `step_frame` is what a frame costs however many rows there are: nearly all of it where steps are padded
    to one width, nothing where every row is computed by itself.

    The correction follows what steps really take, so that a machine that became busier gets shorter
    chunks at once; how many streams there may be is decided by what lasts, see `Slowdown`. It
    moves by a twentieth per step, and no step counts for more than four times what was expected: that one
    was interrupted.
    """

    def __init__(self, fixed: float, per_frame: float, per_code: float, step_frame: float = 0.0) -> None:
        self.fixed = fixed
        self.step_frame = step_frame
        self.per_frame = per_frame
        self.per_code = per_code
        self.correction = 1.0

    @classmethod
    def fit(cls, timings: Sequence[Timing]) -> "CostModel":
        """Least squares over measured steps, without the terms that noise would make negative."""
        features = np.array(
            [[1.0, t.frames, t.rows * t.frames, t.rows * t.frames * t.n_q] for t in timings], np.float64
        )
        seconds = np.array([t.seconds for t in timings])
        # Relative error counts: a live step of 3 ms matters as much as a chunk of 20 ms.
        features /= np.maximum(seconds, 1e-9)[:, None]
        terms, used = np.zeros(4), [0, 1, 2, 3]
        while used:
            solution = np.linalg.lstsq(features[:, used], np.ones(len(seconds)), rcond=None)[0]
            if solution.min() >= 0:
                terms[used] = solution
                break
            del used[int(solution.argmin())]
        fixed, step_frame, per_frame, per_code = (float(term) for term in terms)
        return cls(fixed, max(per_frame, 1e-9), per_code, step_frame)

    def seconds(self, rows: int, frames: int, n_q: int) -> float:
        """Predicted duration of one step."""
        return self.correction * self.calibrated_seconds(rows, frames, n_q)

    def calibrated_seconds(self, rows: int, frames: int, n_q: int) -> float:
        """What the step would have taken when the model was fitted."""
        return self.fixed + frames * (self.step_frame + rows * self._per_row_frame(n_q))

    def frames_within(self, seconds: float, n_q: int, rows: int = 1) -> int:
        """Frames, at least one, that so many rows can step in the given time."""
        left = seconds / self.correction - self.fixed
        return max(1, int(left / (self.step_frame + rows * self._per_row_frame(n_q))))

    def gaining_rows(self, n_q: int) -> int:
        """Rows, at least one, beyond which one more hardly makes a frame of the others cheaper."""
        return max(1, math.ceil(self.step_frame / (_HARDLY * self._per_row_frame(n_q))))

    def even_frames(self, n_q: int) -> int:
        """Frames, at least one, of which a row costs as much as the step itself."""
        return max(1, round(self.fixed / (self.step_frame + self._per_row_frame(n_q))))

    def observe(self, timing: Timing) -> None:
        """Learn from a step that ran."""
        surprise = timing.seconds / self.seconds(timing.rows, timing.frames, timing.n_q)
        change = _CORRECTION_RATE * (min(surprise, _MOST_SURPRISE) - 1.0)
        moved = self.correction * (1.0 + change)
        low, high = _CORRECTION_BOUNDS
        self.correction = min(high, max(low, moved))

    def _per_row_frame(self, n_q: int) -> float:
        return self.per_frame + self.per_code * n_q
