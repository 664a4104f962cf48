"""How many live streams a worker serves in real time, by what steps cost."""

from collections.abc import Mapping

from service.ipc import Operation
from service.worker.cost import CostModel, Timing
from service.worker.engine import Geometry
from service.worker.slowdown import Slowdown

MESSAGE_SECONDS = 0.08
"""What a live message brings, usually. Shorter ones batch into fewer, longer steps as load rises."""

_SHARE = 0.6
_BESIDE_SECONDS = 0.0003
"""What a message costs beside the model: the work of scheduling and IPC, and that of the front end and of
its callers where they share the cores. On two cores it is 0.2 to 0.3 ms for all of these together."""


class Capacity:
    """Streams fit if all of them step a message within 60 % of its duration.

        sum over operations of steps * fixed + rows * (row + 0.3 ms)  <=  0.6 * 80 ms

    `steps`: as few as take all rows; `fixed`, `row`: what was calibrated for a step of one message, all
    codebooks, without its rows and for each of them, times how much longer steps
    have taken of late. The other 40 % are what random arrival takes: with 70 % of the capacity a message in
    a thousand waits for less than a frame of 20 ms, unless a row alone costs several milliseconds. One
    stream fits wherever it runs in real time.
    """

    def __init__(
        self, geometry: Geometry, costs: Mapping[Operation, CostModel], slots: int, max_rows: int
    ) -> None:
        self._costs = costs
        self._slowdowns = {operation: Slowdown() for operation in Operation}
        self._slots = slots
        self._max_rows = max_rows
        self._frames = max(1, round(MESSAGE_SECONDS / geometry.frame_seconds))
        self._message_seconds = self._frames * geometry.frame_seconds
        self._n_q = geometry.codebooks

    def observe(self, operation: Operation, timing: Timing, now_ns: int) -> None:
        """Learn from a step that ran."""
        calibrated = self._costs[operation].calibrated_seconds(timing.rows, timing.frames, timing.n_q)
        self._slowdowns[operation].note(timing.seconds, calibrated, now_ns)

    def fits(self, live: Mapping[Operation, int], now_ns: int) -> bool:
        """Whether so many streams can be served by what steps cost now."""
        return sum(live.values()) <= self._slots and self._fits(live, self._factors(now_ns))

    def calibrated(self, operation: Operation) -> int:
        """The most streams of one operation alone, by what steps cost when the worker started."""
        return self._most(operation, dict.fromkeys(Operation, 0), dict.fromkeys(Operation, 1.0))

    def room(self, operation: Operation, live: Mapping[Operation, int], now_ns: int) -> int:
        """Streams that fit beside those that there are, by what steps cost now."""
        return self._most(operation, live, self._factors(now_ns))

    def real_time_factor(self, operation: Operation, now_ns: int) -> float:
        """Seconds of audio in a second of steps of one stream alone, by what steps cost now."""
        return self._message_seconds / self._seconds(operation, 1, self._factors(now_ns))

    def _factors(self, now_ns: int) -> dict[Operation, float]:
        return {operation: slowdown.factor(now_ns) for operation, slowdown in self._slowdowns.items()}

    def _fits(self, live: Mapping[Operation, int], factors: Mapping[Operation, float]) -> bool:
        needed = alone = 0.0
        for operation, rows in live.items():
            if rows:
                seconds = self._seconds(operation, rows, factors)
                needed += seconds + rows * _BESIDE_SECONDS
                alone += seconds
        if sum(live.values()) == 1:
            return alone <= self._message_seconds
        return needed <= _SHARE * self._message_seconds

    def _most(
        self, operation: Operation, live: Mapping[Operation, int], factors: Mapping[Operation, float]
    ) -> int:
        low, high = 0, self._slots - sum(live.values())
        while low < high:
            middle = (low + high + 1) // 2
            more = {kind: rows + middle * (kind == operation) for kind, rows in live.items()}
            if self._fits(more, factors):
                low = middle
            else:
                high = middle - 1
        return max(0, low)

    def _seconds(self, operation: Operation, rows: int, factors: Mapping[Operation, float]) -> float:
        cost, (steps, rest) = self._costs[operation], divmod(rows, self._max_rows)
        seconds = steps * cost.calibrated_seconds(self._max_rows, self._frames, self._n_q)
        if rest:
            seconds += cost.calibrated_seconds(rest, self._frames, self._n_q)
        return factors[operation] * seconds
