"""When work that can wait may run without live streams noticing."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

_NS = 1_000_000_000
_LEAST_IDLE = 0.1


@dataclass(frozen=True, slots=True)
class SlackLimits:
    """`guard_seconds`: steps end so long before a live message is due. `late_seconds`: a message that is
    late by up to that is still expected. `delay_share`: how much of its lateness a live message may owe to
    other work, on average, up to `counted_seconds`, on a worker that live streams keep busy all the time;
    `delay_seconds`: what of that can be saved up.
    """

    guard_seconds: float = 0.0005
    late_seconds: float = 0.005
    delay_share: float = 0.12
    delay_seconds: float = 0.1
    counted_seconds: float = 0.02


class Slack:
    """Time that live streams leave, and delay that they may be put to.

    A step fits if it is over before the next live message is due. Where many streams speak there are no
    such gaps; then a short step may run at the price of the delays that it is going to cause. They are paid
    from an account that every live message adds a small share of its own lateness to, so that on average
    lateness grows by that share at most. The share is smaller where there is idle time: gaps come by
    themselves there, and the few messages that were delayed would be the latest by far. Who is delayed
    delays the next one, the more so the less idle time there is to make up for it.
    """

    def __init__(self, limits: SlackLimits) -> None:
        self._limits = limits
        self._late_ns = round(limits.late_seconds * _NS)
        self._account_seconds = 0.0
        self._busy = 0.0
        self._busy_at_ns = 0

    def ran(self, run_ns: int, ended_ns: int) -> None:
        """A step of live streams ran for so long."""
        decay = math.exp((self._busy_at_ns - ended_ns) / _NS)
        self._busy = self._busy * decay + run_ns / _NS
        self._busy_at_ns = ended_ns

    def earn(self, lateness_seconds: float) -> None:
        """A live message has been answered so long after it came."""
        limits = self._limits
        share = limits.delay_share * min(1.0, self._busy)
        earned = share * min(lateness_seconds, limits.counted_seconds)
        self._account_seconds = min(limits.delay_seconds, self._account_seconds + earned)

    def gap_seconds(self, due_ns: Iterable[int], now_ns: int) -> float:
        """How long a step may take that is over before the next live message; below 0 if one is due."""
        return self._gap(self._waits(due_ns, now_ns))

    def grant(self, due_ns: Iterable[int], now_ns: int, shortest_seconds: float) -> tuple[float, int]:
        """Seconds that a step may take now, and the moment to ask again if it is 0.

        `due_ns`: when each live stream has its next message; `shortest_seconds`: shorter steps are of no use.
        """
        waits = self._waits(due_ns, now_ns)
        gap = self._gap(waits)
        if gap >= shortest_seconds:
            return gap, now_ns
        delay = sum(shortest_seconds - wait for wait in waits if wait < shortest_seconds)
        delay /= max(_LEAST_IDLE, 1.0 - self._busy)
        if delay <= self._account_seconds:
            self._account_seconds -= delay
            return shortest_seconds, now_ns
        return 0.0, now_ns + round(min(waits) * _NS) + self._late_ns

    def _waits(self, due_ns: Iterable[int], now_ns: int) -> list[float]:
        return [max(0, due - now_ns) / _NS for due in due_ns if due + self._late_ns > now_ns]

    def _gap(self, waits: list[float]) -> float:
        return min(waits, default=float("inf")) - self._limits.guard_seconds
