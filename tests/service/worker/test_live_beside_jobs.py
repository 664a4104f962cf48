"""Whatever waits beside them, live streams hardly notice, and the time that they leave is used."""

import pytest

from service.ipc import Kind, Message
from tests.service.worker.bench import encode_job, samples
from tests.service.worker.live_load import Answered, live, phases

FEW = (0.001, 0.002)
"""1 ms a step and 8 ms a message: it is the rows that cost."""
MANY = (0.0013, 0.00007)
"""1.3 ms a step and 0.28 ms a message, as of the shipped model: it is the steps that cost."""


def bulk(count: int, kind: Kind = Kind.BULK) -> list[Message]:
    return [encode_job(1000 + n, samples(4 * 500, n))._replace(kind=kind, sequence=n) for n in range(count)]


def check(alone: Answered, beside: Answered, used: float) -> None:
    """Lateness has moved by less than 10 %, and this share at least of the idle time is put to use."""
    assert len(beside.late) == len(alone.late)
    assert beside.mean < 1.1 * alone.mean
    assert beside.idle_seconds < (1 - used) * alone.idle_seconds


def test_two_streams_and_bulk() -> None:
    alone, beside = live([0.0, 0.03], cost=FEW), live([0.0, 0.03], bulk(60), cost=FEW)
    check(alone, beside, 0.95)
    assert alone.mean == pytest.approx(0.009)
    assert beside.quantile(0.99) < 1.25 * alone.quantile(0.99)
    # A step of nine frames, the most that 20 ms hold, takes 19 ms.
    assert beside.job_frames > 0.85 * 9 / 0.019 * alone.idle_seconds


@pytest.mark.parametrize(("streams", "peak"), [(2, 0.87), (10, 0.56)])
def test_few_streams_do_not_notice_bulk_at_all(streams: int, peak: float) -> None:
    """With so much idle time gaps come by themselves: not even the latest hundredth is later."""
    alone, beside = (live(phases(streams), jobs, 6, MANY) for jobs in ([], bulk(160)))
    assert beside.mean < 1.02 * alone.mean
    assert beside.quantile(0.99) < 1.1 * alone.quantile(0.99)
    # In 20 ms, the longest step beside live streams, there are 267 frames.
    assert beside.job_frames > peak * 6 * 267 / 0.02


@pytest.mark.parametrize(("streams", "cost", "used"), [(50, MANY, 0.4), (20, MANY, 0.7), (5, FEW, 0.95)])
def test_many_streams_and_bulk(streams: int, cost: tuple[float, float], used: float) -> None:
    alone = live(phases(streams), cost=cost, seconds=6)
    beside = live(phases(streams), bulk(80), cost=cost, seconds=6)
    check(alone, beside, used)
    assert beside.quantile(0.99) < 1.25 * alone.quantile(0.99)


def test_sources_that_are_unpunctual() -> None:
    alone, beside = (live([0.0, 0.03], jobs, cost=FEW, jitter_seconds=0.002) for jobs in ([], bulk(60)))
    check(alone, beside, 0.94)
    alone, beside = (live(phases(50), jobs, 6, MANY, jitter_seconds=0.003) for jobs in ([], bulk(80)))
    check(alone, beside, 0.2)


def test_interactive_jobs_use_all_that_is_left_and_cost_a_live_message_one_short_step() -> None:
    alone, beside = (live(phases(20), jobs, 2, MANY) for jobs in ([], bulk(80, Kind.JOB)))
    assert len(beside.late) == len(alone.late)
    assert beside.idle_seconds < 0.05 * alone.idle_seconds
    assert beside.quantile(0.999) < alone.quantile(0.999) + 0.011


def test_a_worker_that_is_never_idle_still_runs_a_little_of_the_rest() -> None:
    beside = live([0.009 * n for n in range(9)], bulk(5), cost=(0.001, 0.002), seconds=10)
    assert beside.idle_seconds < 0.1
    assert beside.job_frames >= 4 * 9, "a step of bulk every second"


@pytest.mark.parametrize("streams", [5, 20, 40])
def test_where_steps_pause_for_streams_bulk_uses_all_that_is_left(streams: int) -> None:
    alone, beside = (live(phases(streams), jobs, 4, MANY, pausing=bool(jobs)) for jobs in ([], bulk(600)))
    check(alone, beside, 0.99)
    assert beside.quantile(0.99) < 1.1 * alone.quantile(0.99)
    # A step of 4 ms holds 38 frames.
    assert beside.job_frames > 0.95 * 38 / 0.004 * alone.idle_seconds


@pytest.mark.parametrize("streams", [5, 20, 40])
def test_where_steps_pause_for_streams_interactive_jobs_take_long_ones(streams: int) -> None:
    alone, beside = (
        live(phases(streams), jobs, 4, MANY, pausing=bool(jobs)) for jobs in ([], bulk(600, Kind.JOB))
    )
    assert beside.idle_seconds < 0.01 * alone.idle_seconds
    # A step of 20 ms holds 267 frames, and pauses every millisecond or two.
    assert beside.job_frames > 0.95 * 267 / 0.02 * alone.idle_seconds
    assert beside.quantile(0.999) < alone.quantile(0.999) + 0.003
