"""What a worker counts of its steps, by operation and by whom they serve."""

from collections.abc import Mapping
from typing import Any, Literal

from service.histogram import AUDIO_SECONDS, RATIOS, ROWS, SECONDS, SHARES, Histogram
from service.ipc import Operation
from service.worker.lateness import BEHIND_NS

Class = Literal["live", "interactive", "bulk"]
"""Live streams, one-shot jobs, and jobs that run when nothing else does."""

_UNDERRUN_SECONDS = BEHIND_NS / 1e9

CLASSES: tuple[Class, ...] = ("live", "interactive", "bulk")


def class_of(*, is_job: bool, bulk: bool) -> Class:
    """The class of a session."""
    if not is_job:
        return "live"
    return "bulk" if bulk else "interactive"


class StepStats:
    """Steps of one operation for one class. `overruns`: of them, those longer than the audio of a row.

    `audio_seconds`: of all rows together, without padding; `padding`: the share of a step that was padding,
    counted where the scheduler pads.
    """

    __slots__ = ("audio_seconds", "frames", "overruns", "padding", "rows", "run_seconds")

    def __init__(self) -> None:
        self.rows = Histogram(ROWS)
        self.run_seconds = Histogram(SECONDS)
        self.audio_seconds = Histogram(AUDIO_SECONDS)
        self.padding = Histogram(SHARES)
        self.frames = 0
        self.overruns = 0

    def count(
        self,
        rows: int,
        frames: int,
        run_seconds: float,
        audio_seconds: float,
        padding: float | None = None,
    ) -> None:
        """A step ran; `frames`: of all rows together, `audio_seconds`: of each of them, padding included;
        `padding`: the share that it was, None = there is never any."""
        self.rows.observe(rows)
        self.run_seconds.observe(run_seconds)
        self.audio_seconds.observe(rows * audio_seconds * (1.0 - (padding or 0.0)))
        if padding is not None:
            self.padding.observe(padding)
        self.frames += frames
        self.overruns += run_seconds > audio_seconds

    def message(self) -> dict[str, Any]:
        """All of it, ready for JSON."""
        return {
            "rows": self.rows.message(),
            "run_seconds": self.run_seconds.message(),
            "audio_seconds": self.audio_seconds.message(),
            "padding": self.padding.message(),
            "frames": self.frames,
            "overruns": self.overruns,
        }


class OperationSteps:
    """Steps and live messages of one operation.

    `underruns`: outputs so late that who buffers a message of the usual length had nothing left to play.
    """

    def __init__(self) -> None:
        self.by_class: Mapping[Class, StepStats] = {name: StepStats() for name in CLASSES}
        self.cost_error_ratio = Histogram(RATIOS)
        self.lateness_seconds = Histogram(SECONDS)
        self.first_output_seconds = Histogram(SECONDS)
        self.underruns = 0
        self.nonfinite_outputs = 0

    def count_message(self, late_seconds: float, *, is_first: bool) -> None:
        """Output of a live stream was made so long after its input was due; `is_first`: its first one."""
        self.lateness_seconds.observe(late_seconds)
        if is_first:
            self.first_output_seconds.observe(late_seconds)
        self.underruns += late_seconds > _UNDERRUN_SECONDS

    def message(self) -> dict[str, Any]:
        """All of it, ready for JSON."""
        return {
            "by_class": {name: stats.message() for name, stats in self.by_class.items()},
            "cost_error_ratio": self.cost_error_ratio.message(),
            "lateness_seconds": self.lateness_seconds.message(),
            "first_output_seconds": self.first_output_seconds.message(),
            "underruns": self.underruns,
            "nonfinite_outputs": self.nonfinite_outputs,
        }


def steps_by_operation() -> dict[Operation, OperationSteps]:
    """Nothing yet."""
    return {operation: OperationSteps() for operation in Operation}
