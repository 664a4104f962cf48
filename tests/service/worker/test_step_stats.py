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
    assert told["audio_seconds"]["total"] == 3 * 0.08 + 0.08
    assert sum(told["padding"]["counts"]) == 0, "nobody said that anything was padded"


def test_padding_is_no_audio() -> None:
    bulk = steps_by_operation()[Operation.ENCODE].by_class["bulk"]
    bulk.count(rows=4, frames=150, run_seconds=0.1, audio_seconds=1.0, padding=0.25)
    told = json.loads(json.dumps(bulk.message()))
    assert (told["audio_seconds"]["total"], told["padding"]["total"]) == (3.0, 0.25)


def test_output_later_than_a_message_is_long_is_an_underrun() -> None:
    steps = steps_by_operation()[Operation.ENCODE]
    steps.count_message(0.081, is_first=True)
    steps.count_message(0.079, is_first=False)
    told = json.loads(json.dumps(steps.message()))
    assert told["underruns"] == 1
    assert sum(told["lateness_seconds"]["counts"]) == 2
    assert told["first_output_seconds"]["total"] == 0.081
