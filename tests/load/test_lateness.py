"""Quantiles, underruns and the generator's own punctuality, on series whose answers are known."""

import math

import numpy as np
import pytest

from tests.load.lateness import MOST_LATE_SHARE, Punctuality, Quantiles, underruns


def test_quantiles_are_values_that_were_measured() -> None:
    taken = np.arange(1, 1001) / 1000
    found = Quantiles.of(taken)
    assert found.count == 1000
    for value, wanted in zip(
        (found.p50_ms, found.p99_ms, found.p999_ms, found.max_ms), (501, 991, 1000, 1000), strict=True
    ):
        assert value == pytest.approx(wanted)


def test_output_that_never_came_is_infinitely_late() -> None:
    found = Quantiles.of([0.001] * 99 + [math.inf])
    assert found.p50_ms == pytest.approx(1.0)
    assert math.isinf(found.p999_ms)


def test_nothing_measured_is_not_on_time() -> None:
    assert math.isnan(Quantiles.of([]).p50_ms)
    assert not Punctuality.of(np.zeros(0)).on_time


@pytest.mark.parametrize(("late_sends", "on_time"), [(0, True), (1, True), (2, False)])
def test_a_run_is_void_when_more_than_one_send_in_a_hundred_is_late(late_sends: int, on_time: bool) -> None:
    late = np.zeros(100)
    late[:late_sends] = 0.006
    found = Punctuality.of(late)
    assert found.late_share == late_sends / 100
    assert found.on_time is on_time
    assert (found.late_share <= MOST_LATE_SHARE) is on_time


def test_underruns_count_against_what_a_player_holds_back() -> None:
    lateness = np.array([0.010, 0.150, 0.171, 0.300, 0.020, math.inf])
    # The player started 10 ms late and holds 160 ms: output is too late after 170 ms.
    assert underruns(lateness, 0.16) == 3
    assert underruns(lateness, 0.20) == 2
    assert underruns(np.zeros(0), 0.16) == 0
