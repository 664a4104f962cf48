"""Work is refused when it could not be done in time, and only then."""

import numpy as np
import pytest

from service.ipc import Operation
from service.status import Condition, ServiceError
from service.worker.admission import Admission, QueueLimits
from service.worker.capacity import Capacity
from service.worker.job_queue import JobQueue
from service.worker.lateness import Lateness
from service.worker.session import Session, SessionKey
from service.worker.slots import Lease
from tests.service.worker.oracle import GEOMETRY, costs

SECOND_NS = 1_000_000_000


def job(
    frames: int, *, arrived_ns: int = 0, deadline_ns: int = 0, caller: int = 0, bulk: bool = False
) -> Session:
    session = Session(
        SessionKey(1, 1), Operation.ENCODE, 3, Lease(0, 0), GEOMETRY,
        is_job=True, arrived_ns=arrived_ns, deadline_ns=deadline_ns,
    )  # fmt: skip
    session.caller, session.bulk = caller, bulk
    session.open_segment().push(np.zeros((frames * 4, 1), np.float32), 3, 0, arrived_ns)
    return session


def queue_of(*jobs: Session) -> JobQueue[Session]:
    queue = JobQueue[Session](set())
    for each in jobs:
        queue.add(each)
    return queue


def admission(lateness: Lateness | None = None) -> Admission:
    limits = QueueLimits(max_queued_audio_seconds=100.0, max_pending_seconds=2.0, max_pending_inputs=3)
    terms = costs(0.001, 0.002)
    return Admission(Capacity(GEOMETRY, terms, slots=64, max_rows=64), terms, lateness or Lateness(), limits)


def refused(caught: pytest.ExceptionInfo[ServiceError]) -> Condition:
    return caught.value.condition


def test_queued_audio_is_bounded() -> None:
    admission().admit_job(job(500), queue_of(job(4500, caller=1)))
    with pytest.raises(ServiceError, match="91 s of audio are queued") as caught:
        admission().admit_job(job(500), queue_of(job(4550, caller=1)))
    assert refused(caught) is Condition.OVERLOADED


def test_one_caller_leaves_room_for_the_audio_of_another() -> None:
    mine = [job(4400), job(100, bulk=True)]
    with pytest.raises(ServiceError, match="of your work"):
        admission().admit_job(job(10), queue_of(*mine))
    admission().admit_job(job(10, caller=1), queue_of(*mine))
    with pytest.raises(ServiceError, match="of your work"):
        admission().admit_job(job(10, bulk=True), queue_of(job(2500, bulk=True)))


def test_short_jobs_pass_long_ones_but_not_for_ever() -> None:
    rules = admission()
    long, short, late = job(1000), job(10, arrived_ns=SECOND_NS), job(10, arrived_ns=5 * SECOND_NS)
    for item in (long, short, late):
        rules.admit_job(item, queue_of())
    assert short.order_ns < long.order_ns < late.order_ns


def test_only_what_stands_before_a_job_counts_against_its_deadline() -> None:
    rules = admission()
    long = job(1000)
    rules.admit_job(long, queue_of())
    rules.admit_job(job(10, deadline_ns=SECOND_NS), queue_of(long))
    first = [job(400) for _ in range(2)]
    for item in first:
        rules.admit_job(item, queue_of())
    late = job(400, arrived_ns=1, deadline_ns=2 * SECOND_NS)
    with pytest.raises(ServiceError, match=r"1\.6 s of work are queued, too much for the deadline") as caught:
        rules.admit_job(late, queue_of(*first))
    assert refused(caught) is Condition.OVERLOADED


def test_a_caller_waits_for_its_share_of_the_others_and_bulk_for_all_that_is_interactive() -> None:
    """400 frames take 0.8 s; of the 3.2 s that another caller has queued as much runs meanwhile."""
    rules = admission()
    others = [job(400, caller=1) for _ in range(4)]
    rules.admit_job(job(400, deadline_ns=round(1.7 * SECOND_NS)), queue_of(*others))
    with pytest.raises(ServiceError, match=r"0\.8 s of work"):
        rules.admit_job(job(400, deadline_ns=round(1.5 * SECOND_NS)), queue_of(*others))
    with pytest.raises(ServiceError, match=r"3\.2 s of work"):
        rules.admit_job(job(400, bulk=True, deadline_ns=2 * SECOND_NS), queue_of(*others))
    bulk = [job(400, bulk=True) for _ in range(4)]
    rules.admit_job(job(400, deadline_ns=SECOND_NS), queue_of(*bulk))


def test_streams_are_admitted_up_to_the_capacity() -> None:
    rules = admission()
    most = Capacity(GEOMETRY, costs(0.001, 0.002), slots=64, max_rows=64).calibrated(Operation.ENCODE)
    rules.admit_stream(Operation.ENCODE, {Operation.ENCODE: most - 1, Operation.DECODE: 0}, 0)
    with pytest.raises(ServiceError, match=f"{most} live streams are all") as caught:
        rules.admit_stream(Operation.ENCODE, {Operation.ENCODE: most, Operation.DECODE: 0}, 0)
    assert refused(caught) is Condition.OVERLOADED


def test_no_stream_is_admitted_while_others_are_behind_but_work_that_can_wait_is() -> None:
    lateness = Lateness()
    lateness.note(200_000_000, SECOND_NS)
    rules, none = admission(lateness), dict.fromkeys(Operation, 0)
    one = none | {Operation.DECODE: 1}
    with pytest.raises(ServiceError, match="more than this worker serves in real time now") as caught:
        rules.admit_stream(Operation.ENCODE, one, SECOND_NS)
    assert caught.value.condition is Condition.OVERLOADED
    rules.admit_stream(Operation.ENCODE, none, SECOND_NS)
    rules.admit_stream(Operation.ENCODE, one, 3 * SECOND_NS)
    rules.admit_job(job(10, bulk=True, arrived_ns=SECOND_NS), queue_of())


def test_input_that_runs_away_from_its_results_is_refused() -> None:
    stream = job(100)
    admission().check_pending(stream)
    stream.open_segment().push(np.zeros((4, 1), np.float32), 3, 1, 0)
    with pytest.raises(ServiceError, match="2 s of audio") as caught:
        admission().check_pending(stream)
    assert refused(caught) is Condition.LIMIT_EXCEEDED
    chatty = job(1)
    for sequence in range(3):
        chatty.open_segment().push(np.zeros((0, 1), np.float32), 3, sequence, 0)
    with pytest.raises(ServiceError, match="5 messages"):
        admission().check_pending(chatty)
