"""How fast something may be used: an account that fills at a rate up to a limit."""

import time
from collections.abc import Callable

from service.frontend.account import Figure

Clock = Callable[[], float]
"""Seconds from any origin, never going back."""


class RateLimit:
    """An account of units that come at `per_second` and are kept up to `burst`; it starts full.

    `per_second` None = no limit. What a request costs is often known only once it has begun, so `take`
    may overdraw the account; it is then empty until the debt has been paid off. `taken`: the sum of all that
    was ever taken; what other front ends add to it counts here as well.
    """

    def __init__(
        self, per_second: float | None, burst: float, taken: Figure, clock: Clock = time.monotonic
    ) -> None:
        self._per_second = per_second
        self._burst = burst
        self._taken = taken
        self._seen = taken.others
        self._clock = clock
        self._level = burst
        self._at = clock()

    def wait_seconds(self, units: float = 0.0) -> float:
        """Time until the account holds `units`; 0 = it does."""
        if self._per_second is None:
            return 0.0
        self._fill(self._per_second)
        return max(0.0, min(units, self._burst) - self._level) / self._per_second

    def take(self, units: float) -> None:
        """Take `units` out, whether they are there or not."""
        if self._per_second is not None:
            self._fill(self._per_second)
            self._level -= units
            self._taken.own += units

    def change(self, per_second: float | None, burst: float) -> None:
        """Other figures from now on; a debt stays."""
        if self._per_second is not None:
            self._fill(self._per_second)
        self._at, self._seen = self._clock(), self._taken.others
        self._level = min(self._level, burst) if self._per_second is not None else burst
        self._per_second, self._burst = per_second, burst

    def _fill(self, per_second: float) -> None:
        now, others = self._clock(), self._taken.others
        level = min(self._burst, self._level + (now - self._at) * per_second)
        self._level = level - (others - self._seen)
        self._at, self._seen = now, others
