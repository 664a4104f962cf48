"""The table of sessions: rows, line, and what is left when somebody goes."""

import numpy as np
import pytest

from service.ipc import Kind, Message, Operation, ProtocolError
from service.status import Condition, ServiceError
from service.worker.session import Session, SessionKey
from service.worker.sessions import Sessions
from tests.service.worker.oracle import GEOMETRY


def create(sessions: Sessions, number: int, *, connection: int = 1, is_job: bool = False) -> Session:
    message = Message(Kind.JOB if is_job else Kind.OPEN, number, Operation.ENCODE, 3)
    return sessions.create(SessionKey(connection, number), message, 5)


def feed(sessions: Sessions, stream: Session, arrived_ns: int = 5) -> None:
    stream.open_segment().push(np.zeros((4, 1), np.float32), 3, 0, arrived_ns)
    sessions.line_up(stream)


def test_streams_and_jobs_have_rows_of_their_own() -> None:
    sessions = Sessions(GEOMETRY, slots=2, max_jobs=1)
    rows = [create(sessions, number).lease.row for number in (1, 2)]
    assert [*rows, create(sessions, 3, is_job=True).lease.row] == [0, 1, 2]
    for is_job, what in ((False, "live streams"), (True, "the queue is full")):
        with pytest.raises(ServiceError, match=what) as caught:
            create(sessions, 4, is_job=is_job)
        assert caught.value.condition is Condition.OVERLOADED
    assert len(sessions) == 3


def test_a_session_cannot_be_made_twice_but_on_two_connections() -> None:
    sessions = Sessions(GEOMETRY, slots=4, max_jobs=1)
    create(sessions, 1)
    create(sessions, 1, connection=2)
    with pytest.raises(ProtocolError):
        create(sessions, 1)
    assert sessions.live() == {Operation.ENCODE: 2, Operation.DECODE: 0}
    assert [session.key.connection for session in sessions.of_connection(2)] == [2]


def test_the_line_keeps_places_until_one_steps_aside() -> None:
    sessions = Sessions(GEOMETRY, slots=2, max_jobs=1)
    first, second = create(sessions, 1), create(sessions, 2)
    feed(sessions, first)
    feed(sessions, second)
    feed(sessions, first)
    assert sessions.next(0) is first
    sessions.step_aside(first)
    sessions.line_up(first)
    assert sessions.next(0) is second
    assert list(sessions.companions(second)) == [second, first]


def test_the_blocked_are_passed_over() -> None:
    sessions = Sessions(GEOMETRY, slots=2, max_jobs=1)
    first, second = create(sessions, 1), create(sessions, 2, connection=2)
    feed(sessions, first)
    feed(sessions, second)
    sessions.set_blocked(1, True)
    assert sessions.next(0) is second
    sessions.set_blocked(2, True)
    assert sessions.next(0) is None
    sessions.set_blocked(1, False)
    assert sessions.next(0) is first


def test_dropping_frees_the_row_and_the_place() -> None:
    sessions = Sessions(GEOMETRY, slots=1, max_jobs=1)
    stream, job = create(sessions, 1), create(sessions, 2, is_job=True)
    feed(sessions, stream)
    sessions.jobs.add(job)
    assert sessions.holds(stream)
    for session in (stream, job):
        sessions.drop(session)
    assert (len(sessions), len(sessions.jobs), sessions.next(0)) == (0, 0, None)
    assert not sessions.holds(stream)
    gauges = sessions.gauges()
    assert (gauges["slots_used"], gauges["generation_mismatches"]) == (0, 1)
    assert create(sessions, 3).lease.row == 0


def test_streams_on_time_go_first_and_those_ahead_queue_by_arrival() -> None:
    sessions = Sessions(GEOMETRY, slots=2, max_jobs=1)
    on_time, ahead, job = create(sessions, 1), create(sessions, 2), create(sessions, 3, is_job=True)
    ahead.pace(1000, arrived_ns=0)
    feed(sessions, ahead, arrived_ns=10)
    feed(sessions, on_time, arrived_ns=30)
    assert sessions.next(40) is on_time
    sessions.step_aside(on_time)
    assert sessions.next(40) is ahead
    job.order_ns = 20
    sessions.jobs.add(job)
    assert sessions.next(40) is ahead
    sessions.jobs.discard(job)
    job.order_ns = 5
    sessions.jobs.add(job)
    assert sessions.next(40) is job
    sessions.step_aside(ahead)
    assert sessions.next(40) is job


def test_a_stream_that_is_ahead_pays_for_its_turns() -> None:
    sessions = Sessions(GEOMETRY, slots=1, max_jobs=1)
    ahead, job = create(sessions, 1), create(sessions, 2, is_job=True)
    job.caller, job.order_ns = 7, 100
    ahead.pace(1000, arrived_ns=0)
    feed(sessions, ahead)
    sessions.jobs.add(job)
    assert sessions.next(40) is ahead
    sessions.charge([ahead], 0.02, 40)
    assert sessions.next(40) is job
    sessions.charge([job], 0.001, 40)
    assert sessions.next(40) is job, "four turns of another caller are owed"


def test_messages_are_due_of_streams_that_keep_to_real_time() -> None:
    sessions = Sessions(GEOMETRY, slots=3, max_jobs=1)
    seen = []
    for number, is_job in ((9, True), (1, False)):
        create(sessions, number, is_job=is_job)
        seen.append(sessions.has_streams)
    assert seen == [False, True]
    first, second, ahead = sessions.of_connection(1)[1], *(create(sessions, number) for number in (2, 3))
    audio = np.zeros((8, 1), np.float32)
    first.push(audio, 3, 0, 1_000_000)
    second.push(audio[:4], 3, 0, 2_000_000)
    ahead.pace(1000, arrived_ns=0)
    assert list(sessions.due_ns(2_000_000)) == [41_000_000, 22_000_000]
    sessions.drop(first)
    assert list(sessions.due_ns(2_000_000)) == [22_000_000]


def test_who_was_dropped_has_ended_even_if_its_key_is_another_ones_now() -> None:
    sessions = Sessions(GEOMETRY, slots=2, max_jobs=1)
    first = create(sessions, 1)
    assert not sessions.has_ended(first)
    sessions.drop(first)
    second = create(sessions, 1)
    assert sessions.has_ended(first)
    assert not sessions.has_ended(second)
