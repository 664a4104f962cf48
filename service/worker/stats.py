"""What a worker counts; sent to front ends about once a second as the JSON of `Stats.snapshot`."""

import resource
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from service.ipc import Operation
from service.status import Condition
from service.worker.cost import CostModel


@dataclass(slots=True)
class OperationStats:
    """Counters of one operation: `rows`/`steps` is the mean batch width; times in seconds."""

    jobs: int = 0
    streams: int = 0
    frames: int = 0
    steps: int = 0
    rows: int = 0
    busy_seconds: float = 0.0
    predicted_seconds: float = 0.0

    def count_step(self, rows: int, frames: int, run_ns: int, predicted_seconds: float) -> None:
        """A step ran; `frames`: of all its rows together."""
        self.steps += 1
        self.rows += rows
        self.frames += frames
        self.busy_seconds += run_ns / 1e9
        self.predicted_seconds += predicted_seconds


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

    def of(self, operation: Operation) -> OperationStats:
        """The counters of an operation."""
        return self.encode if operation == Operation.ENCODE else self.decode

    def count_failure(self, condition: Condition) -> None:
        """A session ended in an error, or could not begin."""
        name = condition.name.lower()
        self.failed[name] = self.failed.get(name, 0) + 1

    def snapshot(
        self, gauges: Mapping[str, int | float], costs: Mapping[Operation, CostModel]
    ) -> dict[str, Any]:
        """Counters, gauges and the cost model, ready for JSON."""
        return {
            **asdict(self),
            **gauges,
            "resident_memory_bytes": _resident_bytes(),
            "cost": {
                operation.name.lower(): {
                    "fixed_seconds": cost.fixed,
                    "per_frame_seconds": cost.per_frame,
                    "per_code_seconds": cost.per_code,
                    "correction": cost.correction,
                }
                for operation, cost in costs.items()
            },
        }


def _resident_bytes() -> int:
    """What this process has in memory, pages that it shares included."""
    pages = Path("/proc/self/statm").read_bytes().split()[1]
    return int(pages) * resource.getpagesize()
