"""The snapshot is plain JSON with everything in it."""

import json

from service.ipc import Operation
from service.worker.stats import Stats
from tests.service.worker.oracle import costs


def test_counters_gauges_and_costs_become_json() -> None:
    stats = Stats(late_messages=2)
    stats.of(Operation.DECODE).steps += 3
    stats.failed["overloaded"] = 1
    snapshot = json.loads(json.dumps(stats.snapshot({"slots": 7}, costs(fixed=0.5))))
    assert snapshot["decode"]["steps"] == 3
    assert snapshot["encode"]["steps"] == 0
    assert (snapshot["slots"], snapshot["late_messages"], snapshot["failed"]) == (7, 2, {"overloaded": 1})
    assert snapshot["cost"]["encode"]["fixed_seconds"] == 0.5
    assert 1e6 < snapshot["resident_memory_bytes"] < 1e12
