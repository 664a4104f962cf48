"""Whether a quantity that was sampled over time stays level."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_SECONDS_PER_HOUR = 3600.0
_MOST_PAIRS = 1000


@dataclass(frozen=True, slots=True)
class Growth:
    """Of a series. `growth`: by the trend, from its first sample to its last; `level`: median of all."""

    samples: int
    first: float
    last: float
    level: float
    per_hour: float
    growth: float

    @classmethod
    def of(cls, seconds: Sequence[float], values: Sequence[float]) -> "Growth":
        """The trend is the median of the slopes of all pairs of samples (Theil and Sen), which a few wild
        samples do not move. Raises `ValueError` for fewer than two samples."""
        if len(values) < 2:
            raise ValueError(f"{len(values)} samples show no trend; sample for longer or more often")
        # A thousand samples have half a million pairs, which is enough of both.
        step = -(-len(values) // _MOST_PAIRS)
        times, found = np.asarray(seconds)[::step], np.asarray(values)[::step]
        later, earlier = np.triu_indices(len(found), 1)[::-1]
        slope = float(np.median((found[later] - found[earlier]) / (times[later] - times[earlier])))
        span = float(times[-1] - times[0])
        return cls(
            samples=len(values),
            first=float(values[0]),
            last=float(values[-1]),
            level=float(np.median(values)),
            per_hour=slope * _SECONDS_PER_HOUR,
            growth=slope * span,
        )

    def is_level(self, share: float, least: float) -> bool:
        """Whether it grew by no more than a share of its level, or by no more than `least`."""
        return self.growth <= max(share * abs(self.level), least)


def usual(counts: Sequence[int]) -> int:
    """The number that comes up most often."""
    return Counter(counts).most_common(1)[0][0]
