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
    stream.pace(40, now_ns=0)
    assert not stream.is_ahead(0)
    stream.pace(40, now_ns=0)
    assert stream.is_ahead(0), "1.6 s of audio at once"
    assert not stream.is_ahead(700_000_000)
    stream.pace(1, now_ns=60_000_000_000)
    assert not stream.is_ahead(60_000_000_000), "silence does not add up to a licence"
    stream.pace(60, now_ns=60_000_000_000)
    assert stream.is_ahead(60_000_000_000)
