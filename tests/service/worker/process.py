"""A worker process under test, and a front end's end of its connections."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from service.config import WorkerConfig
from service.ipc import Kind, Message, MessageReader
from service.worker.control import ControlLine
from tests.support import REPOSITORY_ROOT

_TIMEOUT_SECONDS = 60.0


class Peer:
    """A blocking connection to a worker; it has read the HELLO."""

    def __init__(self, path: Path) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(_TIMEOUT_SECONDS)
        try:
            self.sock.connect(str(path))
        except OSError:
            self.sock.close()
            raise
        self._reader = MessageReader()
        self._messages: Iterator[Message] = iter(())
        self.hello = self.receive()

    def send(self, *messages: Message) -> None:
        """Send messages in one go."""
        self.sock.sendall(b"".join(message.pack() for message in messages))

    def receive(self) -> Message:
        """The next message but STATS; raises `EOFError` at the end of the connection."""
        while True:
            for message in self._messages:
                if message.kind is not Kind.STATS:
                    return message
            data = self.sock.recv(1 << 18)
            if not data:
                raise EOFError("the worker has closed the connection")
            self._messages = self._reader.feed(data)

    def stats(self) -> dict[str, Any]:
        """The next statistics, which come once a second; other messages are dropped."""
        while True:
            for message in self._messages:
                if message.kind is Kind.STATS:
                    return message.json()
            self._messages = self._reader.feed(self.sock.recv(1 << 18))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()


class WorkerProcess:
    """`python -m MODULE` with a control socket, as the supervisor would start it."""

    def __init__(self, module: str, config: WorkerConfig) -> None:
        self._socket = config.socket
        ours, theirs = socket.socketpair()
        with theirs:
            arguments = [sys.executable, "-m", module, "--control-fd", str(theirs.fileno())]
            self.process = subprocess.Popen(arguments, pass_fds=(theirs.fileno(),), cwd=REPOSITORY_ROOT)
        ours.settimeout(_TIMEOUT_SECONDS)
        self.control = ControlLine(ours)
        self.control.send(config.to_message())

    def event(self) -> dict[str, Any]:
        """The next event that the worker tells."""
        return self.control.wait()

    def connect(self) -> Peer:
        """A connection of one more front end."""
        return Peer(self._socket)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        os.kill(self.process.pid, number)

    def exit_status(self) -> tuple[int, float]:
        """The exit status, and the seconds that it took to come."""
        started = time.monotonic()
        return self.process.wait(_TIMEOUT_SECONDS), time.monotonic() - started


@contextmanager
def running(module: str, **fields: Any) -> Iterator[WorkerProcess]:
    """A worker process that is gone afterwards, whatever happened; `fields` are of `WorkerConfig`."""
    with tempfile.TemporaryDirectory(prefix="codecd-") as folder:
        defaults = {"id": "w1", "model": "tiny", "version": "1-0123456789ab", "version_path": folder}
        config = WorkerConfig(**{**defaults, "socket": Path(folder) / "w1.sock", **fields})
        worker = WorkerProcess(module, config)
        try:
            yield worker
        finally:
            worker.control.sock.close()
            worker.process.kill()
            worker.process.wait()
