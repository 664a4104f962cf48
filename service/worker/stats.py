"""What a worker counts; sent to front ends about once a second as the JSON of `Stats.snapshot`."""

import resource
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from service.ipc import Operation
from service.status import Condition
from service.worker.cost import CostModel
from service.worker.step_stats import Class, OperationSteps, steps_by_operation


@dataclass(slots=True)
class OperationStats:
    """Counters of one operation: `rows`/`steps` is the mean batch width; times in seconds.

    `busy_seconds`: in steps, by the clock; `cpu_seconds`: CPU time that their thread used, which is less
    where others want the core too, or where a device does the work.
    """

    jobs: int = 0
    streams: int = 0
    frames: int = 0
    steps: int = 0
    rows: int = 0
    busy_seconds: float = 0.0
    cpu_seconds: float = 0.0
    predicted_seconds: float = 0.0

    def count_step(self, step: "Step") -> None:
        """A step ran."""
        self.steps += 1
        self.rows += step.rows
        self.frames += step.frames
        self.busy_seconds += step.run_ns / 1e9
        self.cpu_seconds += step.cpu_ns / 1e9
        self.predicted_seconds += step.predicted_seconds


@dataclass(frozen=True, slots=True)
class Step:
    """A step that ran. `frames`: of all rows together; `audio_seconds`: that each of them moved on by;
    `predicted_seconds`: by the cost model before; `cpu_ns`: CPU time of the thread that ran it; `padding`:
    the share of the step that nobody's frames were, None where steps are never padded.
    """

    rows: int
    frames: int
    run_ns: int
    predicted_seconds: float
    audio_seconds: float
    cpu_ns: int
    padding: float | None = None


@dataclass(slots=True)
class Stats:
    """Counters since the worker started. `failed`: ended sessions by name of the condition.

    `late_messages`: for sessions that had already ended; `generation_mismatches`: work or releases
    presented for a slot that had moved on, always zero unless there is a defect.
    """

    encode: OperationStats = field(default_factory=OperationStats)
    decode: OperationStats = field(default_factory=OperationStats)
    failed: dict[str, int] = field(default_factory=dict)
    cancelled: int = 0
    late_messages: int = 0
    engine_errors: int = 0
    disconnects: int = 0
    steps: dict[Operation, OperationSteps] = field(default_factory=steps_by_operation)
    _told: tuple[float, float] = field(default_factory=lambda: (time.monotonic(), 0.0), init=False)

    def count_step(self, operation: Operation, name: Class, step: Step) -> None:
        """A step ran for sessions of a class."""
        seconds = step.run_ns / 1e9
        self.of(operation).count_step(step)
        steps = self.steps[operation]
        steps.by_class[name].count(step.rows, step.frames, seconds, step.audio_seconds, step.padding)
        steps.cost_error_ratio.observe(seconds / step.predicted_seconds)

    def of(self, operation: Operation) -> OperationStats:
        """The counters of an operation."""
        return self.encode if operation == Operation.ENCODE else self.decode

    def count_failure(self, condition: Condition) -> None:
        """A session ended in an error, or could not begin."""
        name = condition.name.lower()
        self.failed[name] = self.failed.get(name, 0) + 1

    def snapshot(self, gauges: Mapping[str, Any], costs: Mapping[Operation, CostModel]) -> dict[str, Any]:
        """Counters, gauges and the cost model, ready for JSON."""
        return {
            "encode": asdict(self.encode),
            "decode": asdict(self.decode),
            "failed": self.failed,
            **{name: getattr(self, name) for name in _COUNTERS},
            **gauges,
            "steps": {kind.name.lower(): steps.message() for kind, steps in self.steps.items()},
            "busy_ratio": self._busy_ratio(),
            "resident_memory_bytes": _resident_bytes(),
            "cost": {
                operation.name.lower(): {
                    "fixed_seconds": cost.fixed,
                    "step_frame_seconds": cost.step_frame,
                    "per_frame_seconds": cost.per_frame,
                    "per_code_seconds": cost.per_code,
                    "correction": cost.correction,
                }
                for operation, cost in costs.items()
            },
        }

    def _busy_ratio(self) -> float:
        """Share of the time since the last snapshot in which a step ran."""
        now, busy = time.monotonic(), self.encode.busy_seconds + self.decode.busy_seconds
        then, before = self._told
        self._told = (now, busy)
        return min(1.0, (busy - before) / (now - then)) if now > then else 0.0


_COUNTERS = ("cancelled", "late_messages", "engine_errors", "disconnects")


def _resident_bytes() -> int:
    """What this process has in memory, pages that it shares included."""
    pages = Path("/proc/self/statm").read_bytes().split()[1]
    return int(pages) * resource.getpagesize()
