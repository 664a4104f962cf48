"""What is said about sessions, field by field."""

import numpy as np

from service.ipc import Kind, Message, Operation
from service.status import Condition, ServiceError
from service.worker.outbox import Outbox
from service.worker.segment import Segment
from service.worker.session import NOTHING_CONSUMED, Session, SessionKey
from service.worker.slots import Lease
from tests.service.worker.oracle import GEOMETRY


class Box:
    """An outbox and what went out of it."""

    def __init__(self) -> None:
        self.sent: list[tuple[int, Message]] = []
        self.outbox = Outbox(lambda connection, message: self.sent.append((connection, message)))

    def only(self) -> Message:
        ((connection, message),) = self.sent
        assert connection == 8
        return message


def session(operation: Operation, *, is_job: bool = False) -> Session:
    made = Session(SessionKey(8, 9), operation, 2, Lease(0, 0), GEOMETRY, is_job=is_job, arrived_ns=1_000_000)
    made.segments.append(Segment(made.items_per_frame))
    return made


def test_codes_go_out_as_u16_with_their_first_frame() -> None:
    box, stream = Box(), session(Operation.ENCODE)
    stream.segments[0].emitted = 4
    stream.consumed = 6
    codes = np.array([[1, 1023], [2, 3]], np.uint16)
    box.outbox.data(stream, codes, queue_ns=5_000, run_ns=7_999)
    assert box.only() == Message(
        Kind.DATA, 9, Operation.ENCODE, 2, sequence=6, value=4, queue_us=5, run_us=7, payload=codes.tobytes()
    )


def test_audio_goes_out_from_sample_zero() -> None:
    box, stream = Box(), session(Operation.DECODE)
    audio = np.arange(8, dtype=np.float32).reshape(-1, 1)
    box.outbox.data(stream, audio, queue_ns=0, run_ns=0)
    message = box.only()
    assert (message.sequence, message.value) == (NOTHING_CONSUMED, 0)
    assert np.array_equal(np.frombuffer(message.payload, "<f4"), [6, 7])


def test_an_acknowledgement_is_data_without_payload() -> None:
    box, stream = Box(), session(Operation.ENCODE)
    stream.consumed = 3
    box.outbox.acknowledge(stream)
    assert (box.only().kind, box.only().sequence, box.only().payload) == (Kind.DATA, 3, b"")


def test_a_result_is_everything_that_a_job_gave() -> None:
    box, job = Box(), session(Operation.ENCODE, is_job=True)
    job.outputs = [np.array([[1, 2]], np.uint16), np.array([[3, 4]], np.uint16)]
    job.started_ns, job.run_ns = 3_000_000, 4_000_000
    box.outbox.result(job)
    message = box.only()
    assert (message.kind, message.n_q, message.queue_us, message.run_us) == (Kind.RESULT, 2, 2000, 4000)
    assert np.frombuffer(message.payload, "<u2").tolist() == [1, 2, 3, 4]


def test_times_beyond_the_field_are_cut_not_wrapped() -> None:
    box, job = Box(), session(Operation.ENCODE, is_job=True)
    job.outputs = [np.zeros((1, 2), np.uint16)]
    job.run_ns = 2**32 * 2000
    box.outbox.result(job)
    assert (box.only().run_us, box.only().queue_us) == (2**32 - 1, 0)
    box.only().pack()


def test_opened_flushed_and_failed() -> None:
    box, stream = Box(), session(Operation.DECODE)
    box.outbox.opened(stream)
    box.outbox.flushed(stream, 77)
    box.outbox.failed(stream.key, ServiceError(Condition.OVERLOADED, "zu viel ☹"))
    opened, flushed, failed = [message for _, message in box.sent]
    assert (opened.kind, opened.session, opened.n_q) == (Kind.OPENED, 9, 2)
    assert (flushed.kind, flushed.sequence) == (Kind.FLUSHED, 77)
    assert (failed.kind, failed.value) == (Kind.FAILED, Condition.OVERLOADED)
    assert bytes(failed.payload).decode() == "zu viel ☹"
