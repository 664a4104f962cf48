"""What a session owes and has given."""

import numpy as np

from service.ipc import Operation
from service.worker.session import Session, SessionKey
from service.worker.slots import Lease
from tests.service.worker.oracle import GEOMETRY


def session(operation: Operation = Operation.ENCODE) -> Session:
    return Session(SessionKey(1, 2), operation, 3, Lease(0, 0), GEOMETRY, is_job=False, arrived_ns=0)


def push(stream: Session, items: int) -> None:
    width = 1 if stream.operation == Operation.ENCODE else 3
    stream.open_segment().push(np.ones((items, width), np.float32), 3, 0, 1)


def test_pending_audio_is_counted_in_seconds_over_all_segments() -> None:
    stream = session()
    push(stream, 100)
    assert stream.pending_seconds == 0.5
    stream.flush(1)
    push(stream, 40)
    assert stream.pending_seconds > 0.7
    assert (len(stream.segments), stream.pending_inputs) == (2, 4)


def test_an_encoder_is_flushed_beyond_its_delay_and_a_decoder_is_not() -> None:
    for operation, frames in ((Operation.ENCODE, 4), (Operation.DECODE, 10)):
        stream = session(operation)
        push(stream, 10)
        stream.flush(1)
        assert stream.ready_frames == frames


def test_a_decoder_drops_what_precedes_sample_zero() -> None:
    stream = session(Operation.DECODE)
    push(stream, 3)
    step = np.arange(4.0).reshape(-1, 1)
    outputs = [stream.deliver(step) for _ in range(3)]
    assert [first for first, _ in outputs] == [0, 0, 2]
    assert [len(items) for _, items in outputs] == [0, 2, 4]
    assert outputs[1][1][0] == 2.0


def test_a_stream_is_ahead_when_it_was_served_more_than_could_have_been_said() -> None:
    stream = session()
    stream.pace(40, arrived_ns=0)
    assert not stream.is_ahead(0)
    stream.pace(40, arrived_ns=0)
    assert stream.is_ahead(0), "1.6 s of audio at once"
    assert not stream.is_ahead(700_000_000)
    stream.pace(1, arrived_ns=60_000_000_000)
    stream.pace(140, arrived_ns=60_000_000_000)
    assert not stream.is_ahead(60_000_000_000), "two seconds may have been on the way"
    stream.pace(20, arrived_ns=60_000_000_000)
    assert stream.is_ahead(60_000_000_000)


def test_a_source_that_was_kept_waiting_is_late_and_not_ahead_when_it_is_caught_up_with() -> None:
    stream, message = session(), np.zeros((16, 1), np.float32)
    for turn in range(40):
        stream.push(message, 3, turn, turn * 80_000_000)
    now_ns = 40 * 80_000_000
    assert stream.lateness_ns(now_ns) == now_ns
    for turn in range(40):
        assert not stream.is_ahead(now_ns)
        stream.segments[0].take(4)
        stream.pace(4, turn * 80_000_000)
        stream.segments[0].consumed()
    assert stream.lateness_ns(now_ns) == 0


def test_a_message_is_due_when_the_one_before_has_been_spoken() -> None:
    """Unpunctual ones move that a little; what may have waited for a step to end moves it as it must."""
    stream, message = session(), np.zeros((16, 1), np.float32)
    times: list[tuple[float, float, float]] = [
        (100, 100, 180),  # the first
        (175, 175, 255),  # early
        (245, 253, 332),  # early by 2 to 10 ms
        (325, 340, 412),  # may have been on time
        (414, 420, 492.25),  # late by 2 ms at least
        (502, 502, 582),  # late by much
        (900, 900, 980),  # after a pause
    ]
    for sequence, (earliest_ms, now_ms, due_ms) in enumerate(times):
        stream.push(message, 3, sequence, round(now_ms * 1e6), round(earliest_ms * 1e6))
        assert stream.due_ns == round(due_ms * 1e6)
