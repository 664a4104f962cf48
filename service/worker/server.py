"""The loop of a worker: drain the sockets, run one bounded step, send the results."""

import json
import logging
import selectors
import signal
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from types import FrameType
from typing import Any, Protocol

from service.ipc import Kind, Message, ProtocolError
from service.model_info import ModelInfo
from service.status import Condition
from service.worker.connection import Connection
from service.worker.control import ControlLine
from service.worker.liveness import Liveness
from service.worker.outbox import Emit

_LOG = logging.getLogger(__name__)

Attend = Callable[[], None]
_STATS_SECONDS = 1.0


class Work(Protocol):
    """What the loop asks of a scheduler; see `Scheduler`."""

    @property
    def has_work(self) -> bool:
        """Whether there is work that could be stepped, now or a little later."""

    @property
    def wait_seconds(self) -> float:
        """How long to wait with the next step if no message comes."""

    def snapshot(self) -> dict[str, Any]:
        """Counters and gauges, ready for JSON."""

    def handle(self, connection: int, message: Message) -> None:
        """Take in one message; raises `ProtocolError` for what no sound front end sends."""

    def disconnect(self, connection: int) -> None:
        """Free everything that a vanished front end had."""

    def set_blocked(self, connection: int, blocked: bool) -> None:
        """Stop or resume stepping for a front end that does not read its results."""

    def step(self) -> bool:
        """Run one bounded step; False when there was nothing to run, or nothing that may run now."""


class Server:
    """Serves front ends until the supervisor says stop, sends SIGTERM, or dies; takes both signals over.

    `make_scheduler` is given the function that sends a message to a connection, and `attend`. A front end
    that takes nothing of its results for `stall_seconds` is disconnected. `load_seconds`: by stage, what
    getting ready took; told with the statistics.
    """

    def __init__(
        self,
        listener: socket.socket,
        control: ControlLine,
        info: ModelInfo,
        make_scheduler: Callable[[Emit, Attend], Work],
        liveness: Liveness,
        stall_seconds: float = 10.0,
        load_seconds: Mapping[str, float] | None = None,
    ) -> None:
        self._listener = listener
        self._control = control
        self._hello = Message(Kind.HELLO, payload=json.dumps(asdict(info)).encode())
        self._scheduler = make_scheduler(self._emit, self.attend)
        self._connections: dict[int, Connection] = {}
        self._stall_seconds = stall_seconds
        self._liveness = liveness
        self._load_seconds = dict(load_seconds or {})
        self._accepted = 0
        self._stopping = False
        self._next_stats = 0.0
        self._selector = selectors.DefaultSelector()
        self._wakeup, self._wakeup_sender = socket.socketpair()
        self._take_signals()

    def run(self) -> None:
        """Serve; returns when what ran at the time of the stop is done and sent."""
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._selector.register(self._control.sock, selectors.EVENT_READ, self._on_control)
        while self._control.is_open and not self._is_done():
            for key, _ in self._selector.select(self._timeout()):
                key.data()
            self._scheduler.step()
            self._tick()
            self._flush()
        for connection in self._connections.values():
            connection.close()

    def attend(self) -> None:
        """Send what is ready and take in what has come, within a step."""
        self._flush()
        for key, _ in self._selector.select(0):
            key.data()

    def _take_signals(self) -> None:
        """Have SIGTERM wake the selector; SIGINT is for the supervisor, which shares our terminal."""
        self._wakeup.setblocking(False)
        self._wakeup_sender.setblocking(False)
        signal.set_wakeup_fd(self._wakeup_sender.fileno())
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._selector.register(self._wakeup, selectors.EVENT_READ, partial(self._wakeup.recv, 64))

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True

    def _on_control(self) -> None:
        for message in self._control.read():
            if message.get("type") == "stop":
                self._stopping = True

    def _is_done(self) -> bool:
        return self._stopping and not self._scheduler.has_work and not self._has_output()

    def _has_output(self) -> bool:
        return any(connection.has_output for connection in self._connections.values())

    def _timeout(self) -> float:
        until_stats = max(0.0, self._next_stats - time.monotonic())
        return min(until_stats, self._scheduler.wait_seconds) if self._scheduler.has_work else until_stats

    def _accept(self) -> None:
        sock, _ = self._listener.accept()
        self._accepted += 1
        connection = Connection(sock, self._accepted)
        self._connections[connection.number] = connection
        self._selector.register(sock, selectors.EVENT_READ, partial(self._on_ready, connection))
        connection.queue(self._hello)
        connection.queue(self._stats())

    def _emit(self, number: int, message: Message) -> None:
        self._connections[number].queue(message)

    def _on_ready(self, connection: Connection) -> None:
        """Read what came; writing is tried after every step anyhow."""
        if connection.is_blocked:
            return
        try:
            messages, is_open = connection.read()
            for message in messages:
                self._handle(connection, message)
        except ProtocolError as error:
            _LOG.error("a front end does not keep to the protocol", extra={"reason": str(error)})
            is_open = False
        if not is_open:
            self._drop(connection)

    def _handle(self, connection: Connection, message: Message) -> None:
        if self._stopping and message.kind in (Kind.JOB, Kind.BULK, Kind.OPEN):
            text = b"the worker is stopping; ask again"
            failed = Message(Kind.FAILED, message.session, value=Condition.UNAVAILABLE, payload=text)
            connection.queue(failed)
        else:
            self._scheduler.handle(connection.number, message)

    def _drop(self, connection: Connection) -> None:
        self._selector.unregister(connection.sock)
        connection.close()
        del self._connections[connection.number]
        self._scheduler.disconnect(connection.number)

    def _flush(self) -> None:
        now = time.monotonic()
        for connection in list(self._connections.values()):
            if connection.has_output and not connection.flush(now):
                self._drop(connection)
                continue
            self._watch(connection)
            if connection.stalled_since is not None and now - connection.stalled_since > self._stall_seconds:
                _LOG.error("a front end does not read its results", extra={"seconds": self._stall_seconds})
                self._drop(connection)

    def _watch(self, connection: Connection) -> None:
        """Wake for room in the socket while output waits, and for input unless blocked."""
        blocked = connection.is_blocked
        self._scheduler.set_blocked(connection.number, blocked)
        events = 0 if blocked else selectors.EVENT_READ
        events |= selectors.EVENT_WRITE if connection.has_output else 0
        key = self._selector.get_key(connection.sock)
        if key.events != events:
            self._selector.modify(connection.sock, events, key.data)

    def _tick(self) -> None:
        """About once a second, tell the supervisor and every front end how things are."""
        now = time.monotonic()
        if now < self._next_stats:
            return
        self._next_stats = now + _STATS_SECONDS
        self._liveness.tell()
        stats = self._stats()
        for connection in self._connections.values():
            if not connection.is_blocked:
                connection.queue(stats)

    def _stats(self) -> Message:
        told = {**self._scheduler.snapshot(), "load_seconds": self._load_seconds}
        return Message(Kind.STATS, payload=json.dumps(told).encode())
