"""A front end refuses what the worker would refuse, by the same rules."""

from dataclasses import replace

import pytest

from service.frontend.backlog import Backlog, BacklogLimits, Given
from service.status import Condition, ServiceError

SECOND_NS = 1_000_000_000


def job(
    audio_seconds: float = 1.0,
    run_seconds: float = 0.0,
    *,
    at: float = 0.0,
    left: float = 1e6,
    caller: str = "a",
    bulk: bool = False,
) -> Given:
    """A job that comes at a time and may take until `left` later."""
    arrived_ns = round(at * SECOND_NS)
    return Given(caller, bulk, audio_seconds, run_seconds, arrived_ns, arrived_ns + round(left * SECOND_NS))


def backlog(*jobs: Given, max_jobs: int = 64, max_audio_seconds: float = 100.0) -> Backlog:
    made = Backlog(BacklogLimits(max_jobs, max_audio_seconds))
    for each in jobs:
        made.add(each)
    return made


def refusal(of: Backlog, asked: Given) -> str:
    with pytest.raises(ServiceError) as caught:
        of.check(asked)
    assert caught.value.condition is Condition.OVERLOADED
    return caught.value.message


def test_an_idle_worker_takes_the_longest_request() -> None:
    backlog().check(job(100.0, 5.0, left=5.0))
    assert "0.0 s of work" in refusal(backlog(), job(100.0, 5.0, left=4.9))


def test_jobs_are_counted_by_caller_and_class() -> None:
    full = backlog(*(job(0.1) for _ in range(7)), max_jobs=8)
    assert "of your work" in refusal(full, job())
    full.check(job(caller="b"))
    half = backlog(*(job(0.1, bulk=True) for _ in range(4)), max_jobs=8)
    assert "of your work" in refusal(half, job(bulk=True))
    half.check(job())


def test_audio_is_counted_by_caller_and_class() -> None:
    mine = backlog(job(60.0), job(28.0))
    assert "of your work" in refusal(mine, job(0.0))
    mine.check(job(12.0, caller="b"))
    assert "88 s of audio are queued" in refusal(mine, job(12.5, caller="b"))


def test_what_is_answered_makes_room_again() -> None:
    jobs = [job(88.0, 0.1), job(0.1, 0.2, bulk=True), job(0.2, 0.3, caller="b")]
    queue = backlog(*jobs)
    refusal(queue, job())
    for each in jobs:
        queue.remove(each)
    assert queue.audio_seconds == 0.0
    queue.check(job(100.0))


def test_only_what_stands_before_a_job_counts_against_its_deadline() -> None:
    long = [job(run_seconds=4.0) for _ in range(2)]
    backlog(*long).check(job(run_seconds=0.1, left=0.2))
    assert "8.8 s of work" in refusal(backlog(*long), job(run_seconds=4.0, left=12.7)), "a tenth for caution"
    backlog(*long).check(job(run_seconds=4.0, left=12.9))
    backlog(*(replace(each, bulk=True) for each in long)).check(job(run_seconds=4.0, left=4.1))
