"""A connection never blocks and never buffers more than it says."""

import socket
from collections.abc import Iterator

import pytest

from service.ipc import Kind, Message, MessageReader, ProtocolError
from service.worker.connection import HIGH_WATER_BYTES, Connection

Pair = tuple[Connection, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    connection = Connection(ours, 1)
    yield connection, theirs
    connection.close()
    theirs.close()


def received(sock: socket.socket) -> bytes:
    data = b""
    while True:
        try:
            piece = sock.recv(1 << 20)
        except BlockingIOError:
            return data
        if not piece:
            return data
        data += piece


def test_messages_go_both_ways(pair: Pair) -> None:
    connection, peer = pair
    messages = [Message(Kind.JOB, number, payload=bytes(number * 100)) for number in range(50)]
    peer.sendall(b"".join(message.pack() for message in messages))
    assert connection.read() == (messages, True)
    for message in messages:
        connection.queue(message)
    assert connection.flush(now=1.0)
    assert not connection.has_output
    assert list(MessageReader().feed(received(peer))) == messages


def test_nothing_to_read_is_no_message(pair: Pair) -> None:
    assert pair[0].read() == ([], True)


def test_the_last_words_of_a_peer_are_heard(pair: Pair) -> None:
    connection, peer = pair
    message = Message(Kind.CANCEL, 3)
    peer.sendall(message.pack())
    peer.close()
    messages, is_open = connection.read()
    assert (messages, connection.read() if is_open else ([], False)) == ([message], ([], False))


def test_bytes_that_are_no_messages_are_an_error(pair: Pair) -> None:
    pair[1].sendall(bytes(37))
    with pytest.raises(ProtocolError):
        pair[0].read()


def test_a_peer_that_does_not_read_blocks_and_stalls(pair: Pair) -> None:
    connection, peer = pair
    payload = bytes(1 << 20)
    for number in range(5):
        connection.queue(Message(Kind.RESULT, number, payload=payload))
    assert len(payload) * 5 > HIGH_WATER_BYTES
    blocked = [connection.is_blocked]
    assert connection.flush(now=10.0)
    assert connection.flush(now=11.0)
    assert connection.stalled_since == 10.0, "the stall is counted from its beginning"
    data = bytearray()
    while connection.has_output:
        data += received(peer)
        assert connection.flush(now=12.0)
    blocked.append(connection.is_blocked)
    assert blocked == [True, False]
    data += received(peer)
    assert [m.session for m in MessageReader().feed(bytes(data))] == list(range(5))


def test_headway_ends_a_stall(pair: Pair) -> None:
    connection, peer = pair
    connection.queue(Message(Kind.RESULT, payload=bytes(8 << 20)))
    connection.flush(now=10.0)
    assert connection.stalled_since == 10.0
    received(peer)
    connection.flush(now=19.0)
    assert connection.stalled_since == 19.0


def test_a_vanished_peer_is_noticed_when_writing(pair: Pair) -> None:
    connection, peer = pair
    peer.close()
    connection.queue(Message(Kind.RESULT))
    assert not connection.flush(now=1.0)
