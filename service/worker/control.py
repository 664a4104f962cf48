"""A worker's end of the line to the supervisor: one JSON object per line, both ways."""

import json
import socket
from typing import Any

_READ_BYTES = 1 << 16


class ControlLine:
    """The end of the line means that the supervisor is dead, and the worker has nothing left to do."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.is_open = True
        self._buffer = b""

    def wait(self) -> dict[str, Any]:
        """The next message, however long it takes.

        Raises `EOFError` if the supervisor is gone.
        """
        while b"\n" not in self._buffer:
            data = self.sock.recv(_READ_BYTES)
            if not data:
                raise EOFError("the supervisor has gone before it sent a whole message")
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message

    def read(self) -> list[dict[str, Any]]:
        """The messages that a readable line brings; `is_open` becomes False at its end."""
        try:
            data = self.sock.recv(_READ_BYTES)
        except ConnectionError:
            data = b""
        if not data:
            self.is_open = False
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        return [json.loads(line) for line in lines]

    def send(self, message: dict[str, Any]) -> None:
        """Tell the supervisor something; raises `ConnectionError` if it is gone."""
        self.sock.sendall(json.dumps(message).encode() + b"\n")
