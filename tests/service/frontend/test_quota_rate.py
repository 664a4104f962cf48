"""The account that rates are held by, on a clock that the test sets."""

import pytest

from service.frontend.account import Figure
from service.frontend.quota_rate import RateLimit


class Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_what_is_not_limited_never_waits() -> None:
    limit = RateLimit(None, 0.0, Figure.alone())
    limit.take(1e9)
    assert limit.wait_seconds(1e9) == 0.0


def test_a_full_account_is_used_up_and_fills_at_its_rate() -> None:
    clock = Clock()
    limit = RateLimit(2.0, 4.0, Figure.alone(), clock)
    for _ in range(4):
        assert limit.wait_seconds(1.0) == 0.0
        limit.take(1.0)
    assert limit.wait_seconds(1.0) == 0.5
    clock.now += 0.25
    assert limit.wait_seconds(1.0) == 0.25
    clock.now += 0.25
    assert limit.wait_seconds(1.0) == 0.0


def test_quiet_time_is_saved_up_to_the_burst_and_no_further() -> None:
    clock = Clock()
    limit = RateLimit(2.0, 4.0, Figure.alone(), clock)
    clock.now += 3600
    limit.take(4.0)
    assert limit.wait_seconds(1.0) == 0.5


def test_an_overdrawn_account_is_empty_until_the_debt_is_paid() -> None:
    clock = Clock()
    limit = RateLimit(10.0, 20.0, Figure.alone(), clock)
    limit.take(120.0)
    assert limit.wait_seconds() == 10.0
    clock.now += 9.5
    assert limit.wait_seconds() == pytest.approx(0.5)
    clock.now += 0.5
    assert limit.wait_seconds() == 0.0


def test_over_any_stretch_of_time_no_more_than_rate_and_burst_gets_through() -> None:
    clock = Clock()
    limit = RateLimit(7.0, 10.0, Figure.alone(), clock)
    taken = 0
    for _ in range(10_000):
        clock.now += 0.01
        while limit.wait_seconds(1.0) == 0.0:
            limit.take(1.0)
            taken += 1
    assert 7 * 100 <= taken <= 7 * 100 + 10


def test_other_figures_hold_at_once_and_a_debt_stays() -> None:
    clock = Clock()
    limit = RateLimit(10.0, 20.0, Figure.alone(), clock)
    limit.take(30.0)
    limit.change(1.0, 5.0)
    assert limit.wait_seconds() == 10.0
    limit.change(None, 0.0)
    assert limit.wait_seconds() == 0.0
    limit.change(1.0, 5.0)
    assert limit.wait_seconds(5.0) == 0.0
