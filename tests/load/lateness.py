"""Lateness of live messages: quantiles, underruns, and whether the generator itself was on time."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LATE_SECONDS = 0.005
"""A message that the generator sends later than this after it was due is late by the generator's fault."""

MOST_LATE_SHARE = 0.01
"""Of such messages; above it the run says more about the generator than about the service, and is void."""

Seconds = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Of lateness or of any other times, in milliseconds; infinite where output never came."""

    count: int
    p50_ms: float
    p99_ms: float
    p999_ms: float
    max_ms: float

    @classmethod
    def of(cls, seconds: Seconds | Sequence[float]) -> "Quantiles":
        """Quantiles are values that were measured: the next larger one, never between two. NaN for none."""
        if not len(seconds):
            return cls(0, *4 * [float("nan")])
        found = np.quantile(np.asarray(seconds), [0.5, 0.99, 0.999, 1.0], method="higher")
        return cls(len(seconds), *(1000 * float(value) for value in found))

    def cells(self) -> list[str]:
        """p50, p99, p99.9 and the largest, for a table."""
        return [f"{value:.1f}" for value in (self.p50_ms, self.p99_ms, self.p999_ms, self.max_ms)]


@dataclass(frozen=True, slots=True)
class Punctuality:
    """How the generator kept its own clock."""

    sends: int
    late_sends: int

    @classmethod
    def of(cls, late: Seconds) -> "Punctuality":
        """`late`: seconds by which each message was sent after it was due, by the generator's own fault."""
        return cls(len(late), int(np.count_nonzero(late > LATE_SECONDS)))

    @property
    def late_share(self) -> float:
        """Of all sends."""
        return self.late_sends / self.sends if self.sends else 0.0

    @property
    def on_time(self) -> bool:
        """Whether the run counts."""
        return self.sends > 0 and self.late_share <= MOST_LATE_SHARE

    def __str__(self) -> str:
        verdict = "on time" if self.on_time else "VOID: late"
        return f"{verdict} ({self.late_share:.2%} > {1000 * LATE_SECONDS:g} ms)"


def underruns(lateness: Seconds, held_seconds: float) -> int:
    """Messages of one stream whose output a player would have missed.

    The player starts `held_seconds` after the output of the first message has come, and from then on takes
    a message's worth each period: output that is later than that leaves a hole.
    """
    if not len(lateness):
        return 0
    return int(np.count_nonzero(lateness > lateness[0] + held_seconds))
