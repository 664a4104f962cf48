"""What one caller may have in use: four limits, one kind of refusal, and changes while things are in use."""

from collections.abc import Callable

import pytest

from service.config import CallerLimits
from service.frontend.quota import UNLIMITED, Quota
from service.status import Condition, ServiceError
from tests.service.frontend.test_quota_rate import Clock


def refused(work: Callable[[], None]) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        work()
    assert caught.value.condition is Condition.QUOTA_EXCEEDED
    return caught.value


def test_without_limits_everything_is_counted_and_nothing_refused() -> None:
    for _ in range(1000):
        UNLIMITED.begin()
        UNLIMITED.queue(600.0)
    assert UNLIMITED.queued_seconds == 600_000.0
    for _ in range(1000):
        UNLIMITED.unqueue(600.0)
    assert UNLIMITED.queued_seconds == 0.0


def test_requests_come_at_a_rate_and_a_refusal_says_when() -> None:
    clock = Clock()
    quota = Quota(CallerLimits(requests_per_second=0.5), clock=clock)
    for _ in range(5):
        quota.begin()
    error = refused(quota.begin)
    assert "0.5 requests per second" in error.message
    assert error.retry_after_seconds == 2.0
    clock.now += 2.0
    quota.begin()


def test_audio_is_charged_when_its_length_is_known() -> None:
    clock = Clock()
    quota = Quota(CallerLimits(audio_seconds_per_second=2.0), clock=clock)
    quota.begin()
    quota.queue(60.0)
    quota.unqueue(60.0)
    assert refused(quota.begin).retry_after_seconds == 20.0
    states = [quota.overdrawn]
    clock.now += 20.0
    states.append(quota.overdrawn)
    assert states == [True, False]
    quota.begin()


def test_queued_audio_is_bounded_and_one_piece_always_fits() -> None:
    quota = Quota(CallerLimits(max_queued_audio_seconds=30.0))
    quota.queue(100.0)
    refused(lambda: quota.queue(0.1))
    quota.unqueue(100.0)
    quota.queue(20.1)
    quota.queue(9.9)
    refused(lambda: quota.queue(0.1))
    for seconds in (20.1, 9.9):
        quota.unqueue(seconds)
    quota.queue(100.0)


def test_streams_are_counted_until_they_close() -> None:
    quota = Quota(CallerLimits(max_streams=2))
    quota.open_stream()
    quota.open_stream()
    assert "2 live streams" in refused(quota.open_stream).message
    quota.close_stream()
    quota.open_stream()
    assert quota.streams == 2


def test_a_stream_that_is_not_opened_is_not_counted() -> None:
    quota = Quota(CallerLimits(max_streams=5, requests_per_second=0.1))
    quota.open_stream()
    refused(quota.open_stream)
    assert quota.streams == 1


def test_audio_of_streams_leaves_less_for_everything_else() -> None:
    clock = Clock()
    quota = Quota(CallerLimits(audio_seconds_per_second=1.0), clock=clock)
    quota.open_stream()
    states = []
    for seconds in (10.0, 3.0):
        quota.heard(seconds)
        states.append(quota.overdrawn)
    assert states == [False, True]
    assert refused(quota.begin).retry_after_seconds == 3.0


def test_changed_limits_hold_for_what_is_in_use() -> None:
    quota = Quota(CallerLimits())
    for _ in range(3):
        quota.open_stream()
    quota.change(CallerLimits(max_streams=3))
    refused(quota.open_stream)
    quota.close_stream()
    quota.open_stream()
