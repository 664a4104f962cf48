"""Every stage has its own time, and none is counted twice."""

import time

from service.worker.load_times import LoadTimes


def test_a_stage_takes_what_has_passed_since_the_one_before() -> None:
    began = time.monotonic()
    times = LoadTimes()
    time.sleep(0.02)
    times.done("weights")
    times.done("golden")
    assert list(times.seconds) == ["weights", "golden"]
    assert times.seconds["weights"] >= 0.02
    assert sum(times.seconds.values()) <= time.monotonic() - began
