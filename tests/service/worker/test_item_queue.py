"""Jobs stand in their order, wait while their front end is blocked, and leave when dropped."""

from service.ipc import Kind, Message, Operation
from service.worker.item_job import ItemJob
from service.worker.item_queue import ItemQueue
from service.worker.session import SessionKey
from tests.service.worker.item_oracle import audio_item, cutter


def job(connection: int, session: int, order_ns: int, n_samples: int = 8) -> ItemJob:
    item = cutter().cut(Message(Kind.JOB, 1, Operation.ENCODE, 1, payload=audio_item(n_samples).pack()))
    frames = [cutter().frames(piece) for piece in item.pieces]
    made = ItemJob(SessionKey(connection, session), 1, item, frames, 0.02, arrived_ns=0, deadline_ns=0)
    made.order_ns = order_ns
    return made


def sessions(queue: ItemQueue) -> list[int]:
    return [job.key.session for job in queue.line(0)]


def test_jobs_run_in_order_and_the_first_come_first_among_equals() -> None:
    queue = ItemQueue()
    for session, order_ns in ((1, 5), (2, 3), (3, 5), (4, 9)):
        queue.add(job(1, session, order_ns))
    assert sessions(queue) == [2, 1, 3, 4]
    assert queue.drop(SessionKey(1, 1))
    assert not queue.drop(SessionKey(1, 1))
    assert (sessions(queue), len(queue)) == ([2, 3, 4], 3)


def test_the_same_number_of_another_front_end_is_another_job() -> None:
    queue = ItemQueue()
    queue.add(job(1, 7, 1))
    queue.add(job(2, 7, 2))
    assert SessionKey(2, 7) in queue
    assert SessionKey(3, 7) not in queue
    assert queue.of_connection(2) == [SessionKey(2, 7)]


def test_blocked_jobs_wait_but_still_count() -> None:
    queue = ItemQueue()
    queue.add(job(1, 1, 1))
    queue.add(job(2, 2, 2))
    before = queue.jobs.audio_seconds
    queue.set_blocked(1, True)
    assert sessions(queue) == [2]
    assert queue.jobs.audio_seconds == before > 0
    queue.set_blocked(1, False)
    assert sessions(queue) == [1, 2]
