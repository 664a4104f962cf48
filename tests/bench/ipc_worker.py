"""A worker whose scheduler answers every live message at once: what is left is the connection alone.

    python -m tests.bench.ipc_worker SOCKET

Run by `tests.bench.ipc`. Ends when its standard input does.
"""

import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.ipc import Kind, Message
from service.model_info import ModelInfo
from service.worker.control import ControlLine
from service.worker.liveness import Liveness
from service.worker.outbox import Emit
from service.worker.server import Server

SLOTS = 512
_HOP_SAMPLES = 320
_FLOAT_BYTES = 4
_SILENT_SECONDS = 60.0
_BACKLOG = 8
_INFO = ModelInfo("echo", "1-aaaaaaaaaaaa", "space", 16_000, 1, _HOP_SAMPLES, 0, 8, 1024, True, SLOTS)


@dataclass(slots=True)
class Answers:
    """In the place of a scheduler. The answer to samples is as long as their codes are."""

    emit: Emit
    has_work: bool = False
    wait_seconds: float = 0.0

    def snapshot(self) -> dict[str, Any]:
        """Part of `Work`."""
        return {}

    def handle(self, connection: int, message: Message) -> None:
        """Part of `Work`."""
        if message.kind is Kind.OPEN:
            self.emit(connection, Message(Kind.OPENED, message.session, message.operation, message.n_q))
        elif message.kind is Kind.DATA:
            frames = len(message.payload) // (_HOP_SAMPLES * _FLOAT_BYTES)
            codes = bytes(2 * frames * message.n_q)
            self.emit(connection, message._replace(payload=codes))

    def disconnect(self, connection: int) -> None:
        """Part of `Work`."""

    def set_blocked(self, connection: int, blocked: bool) -> None:
        """Part of `Work`."""

    def step(self) -> bool:
        """Part of `Work`: nothing is left for later."""
        return False


def _end_with_input(close: Callable[[], None]) -> None:
    sys.stdin.buffer.read()
    close()


def main() -> None:
    """Serve until the parent goes."""
    line, supervisor = socket.socketpair()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(Path(sys.argv[1])))
    listener.listen(_BACKLOG)
    threading.Thread(target=_end_with_input, args=(supervisor.close,), daemon=True).start()
    control = ControlLine(line)
    liveness = Liveness(control, _SILENT_SECONDS)
    Server(listener, control, _INFO, lambda emit, _: Answers(emit), liveness).run()


if __name__ == "__main__":
    main()
