"""Messages survive any cutting of the byte stream; bytes that are not messages are refused."""

import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.ipc import MAX_PAYLOAD_BYTES, Kind, Message, MessageReader, Operation, ProtocolError

U32 = st.integers(0, 2**32 - 1)
MESSAGES = st.builds(
    Message,
    kind=st.sampled_from(Kind),
    session=st.integers(0, 2**64 - 1),
    operation=st.sampled_from([int(operation) for operation in Operation]),
    n_q=st.integers(0, 2**16 - 1),
    sequence=U32,
    value=st.integers(-(2**63), 2**63 - 1),
    queue_us=U32,
    run_us=U32,
    payload=st.binary(max_size=300),
    form=st.integers(0, 255),
)


@given(st.lists(MESSAGES, max_size=8), st.integers(0, 2**32))
def test_messages_come_out_as_they_went_in_however_they_are_cut(messages: list[Message], seed: int) -> None:
    stream = b"".join(message.pack() for message in messages)
    cutter = random.Random(seed)
    reader = MessageReader()
    received: list[Message] = []
    at = 0
    while at < len(stream):
        step = cutter.choice((1, 7, 37, 38, 500))
        received.extend(reader.feed(stream[at : at + step]))
        at += step
    assert received == messages


def test_one_wake_up_may_bring_many_messages() -> None:
    messages = [Message(Kind.DATA, session, payload=bytes(session)) for session in range(100)]
    assert list(MessageReader().feed(b"".join(message.pack() for message in messages))) == messages


def test_the_header_is_37_bytes_with_the_length_first() -> None:
    packed = Message(Kind.JOB, 1, payload=b"abc").pack()
    assert len(packed) == 37 + 3
    assert struct.unpack_from("<I", packed) == (3,)


@pytest.mark.parametrize("kind", [0, 14, 255])
def test_an_unknown_kind_is_refused(kind: int) -> None:
    packed = bytearray(Message(Kind.JOB, 1).pack())
    packed[4] = kind
    with pytest.raises(ProtocolError, match=f"kind {kind}"):
        list(MessageReader().feed(bytes(packed)))


def test_an_impossible_length_is_refused_before_it_is_read() -> None:
    packed = bytearray(Message(Kind.JOB, 1).pack())
    struct.pack_into("<I", packed, 0, MAX_PAYLOAD_BYTES + 1)
    with pytest.raises(ProtocolError, match="payload"):
        list(MessageReader().feed(bytes(packed)))


def test_json_payloads_are_read_back() -> None:
    assert Message(Kind.STATS, payload=b'{"steps": 3}').json() == {"steps": 3}
