"""How much longer steps take than they did when the worker started."""

import math

_MEMORY_NS = 5e9
_CALIBRATED_SECONDS = 0.02
_MOST_SURPRISE = 4.0


class Slowdown:
    """Run time over calibrated run time of the steps of the last seconds; below 1 where they are faster.

    Steady enough for decisions that last, where `CostModel.correction` follows every step. Steps weigh by
    their run time, and fade in 5 s. 20 ms that took as long as calibrated are always among them, so half a
    minute after the last step nothing is left but the calibration: a worker that nobody uses has no other
    evidence, and must not refuse for ever by what it saw in a bad moment. No step counts for more than four
    times what was expected: that one was interrupted.
    """

    def __init__(self) -> None:
        self._run_seconds = 0.0
        self._calibrated_seconds = 0.0
        self._at_ns = 0

    def note(self, run_seconds: float, calibrated_seconds: float, now_ns: int) -> None:
        """A step has ended."""
        most = _MOST_SURPRISE * self.factor(now_ns) * calibrated_seconds
        fade = self._fade(now_ns)
        self._run_seconds = self._run_seconds * fade + min(run_seconds, most)
        self._calibrated_seconds = self._calibrated_seconds * fade + calibrated_seconds
        self._at_ns = now_ns

    def factor(self, now_ns: int) -> float:
        """By which a step takes longer than calibrated."""
        fade = self._fade(now_ns)
        run, calibrated = self._run_seconds * fade, self._calibrated_seconds * fade
        return (_CALIBRATED_SECONDS + run) / (_CALIBRATED_SECONDS + calibrated)

    def _fade(self, now_ns: int) -> float:
        return math.exp((self._at_ns - now_ns) / _MEMORY_NS)
