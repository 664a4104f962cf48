"""Each message does one thing to the sessions, and nothing runs."""

import numpy as np
import pytest

from service.ipc import Kind, Message, Operation, ProtocolError
from service.status import Condition
from service.worker.admission import Admission, QueueLimits
from service.worker.capacity import Capacity
from service.worker.intake import Intake
from service.worker.lateness import Lateness
from service.worker.outbox import Outbox
from service.worker.sessions import Sessions
from service.worker.stats import Stats
from tests.service.worker.oracle import GEOMETRY, costs


class Desk:
    """An intake, its sessions, and what it sent."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.stats = Stats()
        self.sessions = Sessions(GEOMETRY, slots=2, max_jobs=2)
        self.intake = Intake(
            GEOMETRY,
            self.sessions,
            Admission(Capacity(GEOMETRY, costs(), slots=2, max_rows=64), costs(), Lateness(), QueueLimits()),
            Outbox(lambda connection, message: self.sent.append(message)),
            self.stats,
            clock=lambda: 1_000,
        )

    def take(
        self, kind: Kind, session: int = 1, n_q: int = 3, sequence: int = 0, payload: bytes = b""
    ) -> None:
        self.intake.handle(1, Message(kind, session, Operation.ENCODE, n_q, sequence, payload=payload))

    def kinds(self) -> list[Kind]:
        return [message.kind for message in self.sent]


def silence(samples: int) -> bytes:
    return bytes(4 * samples)


def test_open_takes_a_slot_and_close_gives_it_back() -> None:
    desk = Desk()
    desk.take(Kind.OPEN)
    assert desk.sessions.gauges()["slots_used"] == 1
    desk.take(Kind.CLOSE)
    assert (desk.kinds(), len(desk.sessions), desk.stats.encode.streams) == ([Kind.OPENED], 0, 1)


def test_data_lines_the_stream_up_once_a_frame_is_whole() -> None:
    desk = Desk()
    desk.take(Kind.OPEN)
    desk.take(Kind.DATA, payload=silence(3))
    assert desk.sessions.next(0) is None
    desk.take(Kind.DATA, payload=silence(1), sequence=1)
    assert desk.sessions.next(0) is not None
    assert desk.kinds() == [Kind.OPENED, Kind.DATA], (
        "the first piece was acknowledged, the second is to be run"
    )


def test_flushes_of_nothing_are_answered_at_once_and_in_order() -> None:
    desk = Desk()
    desk.take(Kind.OPEN)
    desk.take(Kind.FLUSH, sequence=1)
    desk.take(Kind.DATA, payload=silence(4))
    desk.take(Kind.FLUSH, sequence=2)
    desk.take(Kind.FLUSH, sequence=3)
    assert [(m.kind, m.sequence) for m in desk.sent[1:]] == [(Kind.FLUSHED, 1)], (
        "the others wait for their turn"
    )


def test_data_without_n_q_keeps_the_n_q_of_the_stream() -> None:
    desk = Desk()
    desk.take(Kind.OPEN, n_q=2)
    desk.take(Kind.DATA, n_q=0, payload=silence(4))
    stream = desk.sessions.next(0)
    assert stream is not None
    assert stream.segments[0].n_q == 2


def test_cancel_forgets_jobs_and_streams() -> None:
    desk = Desk()
    desk.take(Kind.OPEN, session=1)
    desk.take(Kind.JOB, session=2, payload=silence(9))
    desk.take(Kind.CANCEL, session=1)
    desk.take(Kind.CANCEL, session=2)
    assert (len(desk.sessions), desk.stats.cancelled, len(desk.sessions.jobs)) == (0, 2, 0)


@pytest.mark.parametrize("kind", [Kind.DATA, Kind.FLUSH, Kind.CLOSE, Kind.CANCEL])
def test_messages_for_ended_sessions_are_counted_and_dropped(kind: Kind) -> None:
    desk = Desk()
    desk.take(kind)
    assert (desk.sent, desk.stats.late_messages) == ([], 1)


def test_refusals_are_counted_by_condition_and_keep_no_row() -> None:
    desk = Desk()
    for session in range(4):
        desk.take(Kind.OPEN, session=session)
    desk.take(Kind.JOB, session=9, payload=b"")
    desk.take(Kind.JOB, session=10, n_q=7, payload=silence(4))
    assert desk.stats.failed == {"overloaded": 2, "invalid_argument": 2}
    assert (len(desk.sessions), desk.sessions.gauges()["jobs_queued"]) == (2, 0)
    conditions = [Condition(message.value) for message in desk.sent if message.kind is Kind.FAILED]
    assert conditions == [Condition.OVERLOADED] * 2 + [Condition.INVALID_ARGUMENT] * 2


@pytest.mark.parametrize(
    "kind", [Kind.HELLO, Kind.RESULT, Kind.OPENED, Kind.FLUSHED, Kind.FAILED, Kind.STATS]
)
def test_a_worker_takes_no_messages_of_its_own_kind(kind: Kind) -> None:
    with pytest.raises(ProtocolError, match=kind.name):
        Desk().take(kind)


def test_a_job_is_not_a_stream() -> None:
    desk = Desk()
    desk.take(Kind.JOB, payload=np.ones(4, np.float32).tobytes())
    with pytest.raises(ProtocolError, match="is a job"):
        desk.take(Kind.DATA, payload=silence(4))
