"""The snapshot is plain JSON with everything in it."""

import json

import pytest

from service.ipc import Operation
from service.worker.stats import Stats, Step
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


def test_steps_add_up() -> None:
    stats = Stats()
    for cpu_ns in (20_000_000, 5_000_000):
        stats.count_step(Operation.ENCODE, "live", Step(3, 12, 30_000_000, 0.020, 0.08, cpu_ns))
    found = stats.of(Operation.ENCODE)
    assert (found.steps, found.rows, found.frames) == (2, 6, 24)
    assert (found.busy_seconds, found.cpu_seconds) == pytest.approx((0.060, 0.025))
