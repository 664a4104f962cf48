"""Counts in buckets, cheap enough for every step: what workers and front ends count by plain integers."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.5, 1.0, 2.0)
"""Around the frames and messages of live streams, 20 and 80 ms."""
AUDIO_SECONDS = (0.02, 0.08, 0.32, 1.0, 2.0, 5.0, 10.0, 30.0, 120.0)
SHARES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75)
ROWS = (1, 2, 4, 8, 16, 32, 64)
RATIOS = (0.25, 0.5, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0, 4.0, 8.0)


class Histogram:
    """`counts[i]`: values up to `bounds[i]` and above the bound before; the last: those above all bounds."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def message(self) -> dict[str, Any]:
        """All of it, ready for JSON."""
        return {"bounds": list(self.bounds), "counts": self.counts, "total": self.total}


@dataclass(frozen=True, slots=True)
class Buckets:
    """What Prometheus wants of a histogram: pairs of a bound and how many values are not above it."""

    pairs: tuple[tuple[str, float], ...]
    total: float

    @classmethod
    def from_message(cls, message: dict[str, Any]) -> Self:
        """Out of `Histogram.message`; raises `KeyError` for anything else."""
        pairs, count = [], 0
        for bound, more in zip(
            [*map(str, map(float, message["bounds"])), "+Inf"], message["counts"], strict=True
        ):
            count += more
            pairs.append((bound, float(count)))
        return cls(tuple(pairs), message["total"])
