"""What the supervisor is told of how long a worker may be silent."""

import json
import logging
import socket
from collections.abc import Iterator

import pytest

from service.worker.control import ControlLine
from service.worker.liveness import Liveness

Pair = tuple[Liveness, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Liveness(ControlLine(ours), 10.0), theirs


def said(supervisor: socket.socket) -> list[dict[str, object]]:
    supervisor.setblocking(False)
    try:
        return [json.loads(line) for line in supervisor.recv(1 << 16).splitlines()]
    except BlockingIOError:
        return []


def test_a_long_step_is_announced_with_room_and_a_short_one_is_not(pair: Pair) -> None:
    liveness, supervisor = pair
    liveness.expect(0.9)
    assert said(supervisor) == []
    liveness.expect(20.0)
    liveness.tell()
    assert said(supervisor) == [
        {"event": "alive", "silent_seconds": 230.0},
        {"event": "alive", "silent_seconds": 10.0},
    ]


def test_a_dead_supervisor_is_no_error_here(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    liveness, supervisor = pair
    supervisor.close()
    liveness.tell()
    assert [record.message for record in caplog.records] == ["the supervisor does not listen"]
