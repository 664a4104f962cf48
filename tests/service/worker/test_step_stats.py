"""Steps are counted by whom they serve."""

import json

from service.ipc import Operation
from service.worker.step_stats import class_of, steps_by_operation


def test_classes_are_those_of_the_scheduler() -> None:
    assert class_of(is_job=False, bulk=False) == "live"
    assert class_of(is_job=True, bulk=False) == "interactive"
    assert class_of(is_job=True, bulk=True) == "bulk"


def test_a_step_longer_than_its_audio_is_an_overrun() -> None:
    steps = steps_by_operation()[Operation.DECODE]
    live = steps.by_class["live"]
    live.count(rows=3, frames=12, run_seconds=0.079, audio_seconds=0.08)
    live.count(rows=1, frames=4, run_seconds=0.081, audio_seconds=0.08)
    told = json.loads(json.dumps(steps.message()))["by_class"]["live"]
    assert (told["frames"], told["overruns"]) == (16, 1)
    assert sum(told["rows"]["counts"]) == sum(told["run_seconds"]["counts"]) == 2
    assert told["rows"]["total"] == 4
