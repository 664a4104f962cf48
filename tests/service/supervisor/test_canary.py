"""A canary keeps its share as long as it does no worse than the version beside it."""

import pytest

from service.supervisor.canary import Canary


@pytest.fixture
def canary() -> Canary:
    canary = Canary("model")
    canary.give("canary", 0.1)
    return canary


def test_a_canary_that_fails_more_often_loses_its_share(canary: Canary) -> None:
    canary.count("1-a", 100, 0)
    canary.count("2-b", 18, 1)
    canary.judge("2-b", "1-a")
    assert canary.weight == 0.1, "19 requests prove nothing"
    canary.count("2-b", 0, 1)
    canary.judge("2-b", "1-a")
    assert canary.weight == 0
    assert canary.withdrawn == "10% of 20 requests to 2-b failed within 60 s, 0% of those to 1-a"


def test_what_fails_everywhere_is_not_the_canarys_fault(canary: Canary) -> None:
    canary.count("1-a", 70, 30)
    canary.count("2-b", 67, 33)
    canary.judge("2-b", "1-a")
    assert canary.weight == 0.1
    canary.count("2-b", 0, 10)
    canary.judge("2-b", "1-a")
    assert canary.weight == 0


def test_old_failures_are_forgotten(canary: Canary, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    canary.count("2-b", 0, 50)
    now += 61
    canary.count("2-b", 30, 0)
    canary.judge("2-b", "1-a")
    assert canary.weight == 0.1


def test_a_new_share_starts_with_a_clean_record(canary: Canary) -> None:
    canary.count("2-b", 0, 50)
    canary.judge("2-b", "1-a")
    assert canary.withdrawn
    canary.give("canary", 0.2)
    canary.judge("2-b", "1-a")
    assert (canary.weight, canary.withdrawn) == (0.2, "")


def test_the_default_version_is_no_canary(canary: Canary) -> None:
    canary.count("1-a", 0, 50)
    canary.judge("1-a", "1-a")
    assert canary.weight == 0.1


def test_a_withdrawn_canary_keeps_its_first_reason(canary: Canary) -> None:
    canary.withdraw("first")
    canary.withdraw("second")
    assert (canary.weight, canary.withdrawn) == (0, "first")
