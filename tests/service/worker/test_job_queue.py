"""Interactive before bulk, callers in turn, short before long; nobody is passed over for ever."""

from dataclasses import dataclass

import pytest

from service.worker.job_queue import BULK_PATIENCE_NS, INTERACTIVE_PATIENCE_NS, JobQueue
from service.worker.session import SessionKey


@dataclass(eq=False)
class Job:
    """No more than what the queue looks at."""

    key: SessionKey
    caller: int
    order_ns: int
    bulk: bool = False
    arrived_ns: int = 0
    deadline_ns: int = 0
    pending_seconds: float = 0.5


def job(number: int, caller: int = 0, *, bulk: bool = False, connection: int = 1, arrived_ns: int = 0) -> Job:
    return Job(SessionKey(connection, number), caller, number, bulk, arrived_ns)


def queue_of(*jobs: Job) -> JobQueue[Job]:
    queue = JobQueue[Job](set())
    for each in jobs:
        queue.add(each)
    return queue


def drain(queue: JobQueue[Job], seconds: float = 0.01) -> list[int]:
    """Sessions in the order in which they run, one step each."""
    order = []
    while (head := queue.next(0, {})) is not None:
        queue.charge([head], seconds, 0)
        queue.discard(head)
        order.append(head.key.session)
    return order


def test_one_callers_jobs_run_in_their_order() -> None:
    queue = queue_of(*(job(number) for number in (3, 1, 4, 2)))
    assert (len(queue), queue.audio_seconds, queue.held(0, bulk=False)) == (4, 2.0, 4)
    assert drain(queue) == [1, 2, 3, 4]
    assert not queue.has_work


def test_interactive_jobs_go_before_bulk() -> None:
    assert drain(queue_of(job(1, bulk=True), job(2), job(3, bulk=True), job(4))) == [2, 4, 1, 3]


@pytest.mark.parametrize("bulk", [False, True])
def test_a_thousand_jobs_of_one_caller_delay_another_by_one_step(bulk: bool) -> None:
    queue = queue_of(*(job(number, bulk=bulk) for number in range(1000)))
    first = queue.next(0, {})
    assert first is not None
    queue.charge([first], 0.04, 0)
    queue.discard(first)
    for number in (2000, 2001):
        queue.add(job(number, caller=1, bulk=bulk))
    order = drain(queue, 0.04)
    assert order[0] == 2000
    assert order.index(2001) <= 4


def test_a_class_that_waits_for_too_long_gets_one_step() -> None:
    for bulk, patience_ns in ((False, INTERACTIVE_PATIENCE_NS), (True, BULK_PATIENCE_NS)):
        waiting = job(1, bulk=bulk, arrived_ns=50)
        queue = queue_of(waiting)
        assert not queue.is_overdue(50 + patience_ns)
        assert queue.is_overdue(51 + patience_ns)
        queue.charge([waiting], 0.01, 60 + patience_ns)
        assert not queue.is_overdue(60 + 2 * patience_ns)
        assert queue.is_overdue(61 + 2 * patience_ns)
        queue.discard(waiting)
        assert not queue.is_overdue(10**15)


def test_bulk_gets_a_step_between_interactive_jobs_that_never_end() -> None:
    queue, now_ns, ran = queue_of(job(1), job(2, bulk=True)), 0, [0, 0]
    for _ in range(1000):
        head = queue.next(now_ns, {})
        assert head is not None
        queue.charge([head], 0.02, now_ns)
        ran[head.bulk] += 1
        now_ns += 20_000_000
    assert 15 <= ran[1] <= 20


def test_other_work_stands_in_line_with_interactive_jobs() -> None:
    queue, stream = queue_of(job(5), job(6, bulk=True)), job(4)
    assert queue.next(0, {0: stream}) is stream
    later = job(7)
    first = queue.next(0, {0: later})
    assert first is not None
    assert first.key.session == 5
    elsewhere = job(9, caller=3)
    queue.charge([first], 1.0, 0)
    assert queue.next(0, {3: elsewhere}) is elsewhere


def test_companions_are_of_the_class_and_the_own_first() -> None:
    jobs = [job(1, 1), job(2), job(3, 1), job(4, bulk=True)]
    queue = queue_of(*jobs)
    assert [each.key.session for each in queue.companions(jobs[2])] == [1, 3, 2]
    assert [each.key.session for each in queue.companions(jobs[3])] == [4]


def test_the_blocked_are_passed_over_and_riders_go_free() -> None:
    blocked: set[int] = set()
    queue = JobQueue[Job](blocked)
    mine, theirs = job(1, caller=1), job(2, caller=2, connection=2)
    queue.add(mine)
    queue.add(theirs)
    blocked.add(1)
    assert queue.next(0, {}) is theirs
    assert list(queue.companions(theirs)) == [theirs]
    blocked.add(2)
    assert queue.next(0, {}) is None
    assert not queue.is_overdue(10**15)
    assert (queue.has_work, len(queue)) == (False, 2)
    blocked.clear()
    assert queue.next(0, {}) is theirs
    queue.charge([theirs, mine, mine, mine], 0.016, 0)
    assert queue.next(0, {}) is theirs, "a quarter of the step, which is less than a turn"
    queue.discard(job(1, caller=1))
    assert len(queue) == 2


def test_audio_is_counted_by_caller_and_class_as_it_runs() -> None:
    mine, theirs, bulk = job(1), job(2, caller=1), job(3, bulk=True)
    queue = queue_of(mine, theirs, bulk)
    assert (queue.audio_seconds, queue.held_seconds(0, bulk=False)) == (1.5, 0.5)
    mine.pending_seconds = 0.125
    queue.ran(mine)
    assert (queue.audio_seconds, queue.held_seconds(0, bulk=False)) == (1.125, 0.125)
    assert queue.gauges() == {
        "interactive": {"depth": 2, "audio_seconds": 0.625},
        "bulk": {"depth": 1, "audio_seconds": 0.5},
    }
    for each in (mine, theirs, bulk):
        queue.discard(each)
        queue.ran(each)
    assert (queue.audio_seconds, queue.held_seconds(0, bulk=False), len(queue)) == (0.0, 0.0, 0)
