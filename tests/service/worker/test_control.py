"""Lines of JSON over a socket, and the end of the line."""

import socket
from collections.abc import Iterator

import pytest

from service.worker.control import ControlLine

Pair = tuple[ControlLine, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ControlLine(ours), theirs


def test_messages_are_cut_at_line_ends(pair: Pair) -> None:
    line, supervisor = pair
    supervisor.sendall(b'{"type": "config", "id": "w1"}\n{"type"')
    assert line.wait() == {"type": "config", "id": "w1"}
    supervisor.sendall(b': "a"}\n{"type": "stop"}\n')
    assert line.read() == [{"type": "a"}, {"type": "stop"}]
    assert line.is_open
    line.send({"event": "ready"})
    assert supervisor.recv(100) == b'{"event": "ready"}\n'


def test_the_end_of_the_line_is_told(pair: Pair) -> None:
    line, supervisor = pair
    supervisor.sendall(b'{"type": "stop"}\n')
    supervisor.close()
    heard = [(line.read(), line.is_open) for _ in range(2)]
    assert heard == [([{"type": "stop"}], True), ([], False)]


def test_waiting_for_a_dead_supervisor_is_an_error(pair: Pair) -> None:
    line, supervisor = pair
    supervisor.sendall(b'{"type": "con')
    supervisor.close()
    with pytest.raises(EOFError):
        line.wait()
