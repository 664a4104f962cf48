"""What a worker counts of its steps, by operation and by whom they serve."""

from collections.abc import Mapping
from typing import Any, Literal

from service.histogram import RATIOS, ROWS, SECONDS, Histogram
from service.ipc import Operation

Class = Literal["live", "interactive", "bulk"]
"""Live streams, one-shot jobs, and jobs that run when nothing else does."""

CLASSES: tuple[Class, ...] = ("live", "interactive", "bulk")


def class_of(*, is_job: bool, bulk: bool) -> Class:
    """The class of a session."""
    if not is_job:
        return "live"
    return "bulk" if bulk else "interactive"


class StepStats:
    """Steps of one operation for one class. `overruns`: of them, those longer than the audio of a row."""

    __slots__ = ("frames", "overruns", "rows", "run_seconds")

    def __init__(self) -> None:
        self.rows = Histogram(ROWS)
        self.run_seconds = Histogram(SECONDS)
        self.frames = 0
        self.overruns = 0

    def count(self, rows: int, frames: int, run_seconds: float, audio_seconds: float) -> None:
        """A step ran; `frames`: of all rows together, `audio_seconds`: of each of them."""
        self.rows.observe(rows)
        self.run_seconds.observe(run_seconds)
        self.frames += frames
        self.overruns += run_seconds > audio_seconds

    def message(self) -> dict[str, Any]:
        """All of it, ready for JSON."""
        return {
            "rows": self.rows.message(),
            "run_seconds": self.run_seconds.message(),
            "frames": self.frames,
            "overruns": self.overruns,
        }


class OperationSteps:
    """Steps and live messages of one operation."""

    def __init__(self) -> None:
        self.by_class: Mapping[Class, StepStats] = {name: StepStats() for name in CLASSES}
        self.cost_error_ratio = Histogram(RATIOS)
        self.lateness_seconds = Histogram(SECONDS)
        self.first_output_seconds = Histogram(SECONDS)
        self.nonfinite_outputs = 0

    def message(self) -> dict[str, Any]:
        """All of it, ready for JSON."""
        return {
            "by_class": {name: stats.message() for name, stats in self.by_class.items()},
            "cost_error_ratio": self.cost_error_ratio.message(),
            "lateness_seconds": self.lateness_seconds.message(),
            "first_output_seconds": self.first_output_seconds.message(),
            "nonfinite_outputs": self.nonfinite_outputs,
        }


def steps_by_operation() -> dict[Operation, OperationSteps]:
    """Nothing yet."""
    return {operation: OperationSteps() for operation in Operation}
