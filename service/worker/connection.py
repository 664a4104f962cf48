"""A worker's end of the connection to one front end; never blocks, never buffers without bound."""

import socket
from collections import deque

from service.ipc import Message, MessageReader

READ_BYTES = 1 << 18
_READS_PER_TURN = 16
_BUFFERS_PER_SEND = 64
HIGH_WATER_BYTES = 1 << 22
"""Unsent results above which a front end counts as blocked: nothing more is read from it or run for it,
so what is kept for it stays below this and the result of one step."""


class Connection:
    """Messages in and out of a non-blocking stream socket.

    `stalled_since` is the moment (monotonic seconds) from which unsent results have made no headway; it
    is None while nothing waits.
    """

    def __init__(self, sock: socket.socket, number: int) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.number = number
        self.stalled_since: float | None = None
        self._reader = MessageReader()
        self._outgoing: deque[memoryview] = deque()
        self._outgoing_bytes = 0

    @property
    def has_output(self) -> bool:
        """Whether something is still to be sent."""
        return bool(self._outgoing)

    @property
    def is_blocked(self) -> bool:
        """Whether the front end lags so far behind that it gets no more work done."""
        return self._outgoing_bytes > HIGH_WATER_BYTES

    def read(self) -> tuple[list[Message], bool]:
        """All messages that have come, up to a turn's worth, and whether the connection is still open.

        Raises `ProtocolError` for bytes that are not messages.
        """
        messages: list[Message] = []
        for _ in range(_READS_PER_TURN):
            try:
                data = self.sock.recv(READ_BYTES)
            except BlockingIOError:
                break
            except ConnectionError:
                return messages, False
            if not data:
                return messages, False
            # On until nothing is left: a front end fills the socket again while it is being emptied.
            messages.extend(self._reader.feed(data))
        return messages, True

    def queue(self, message: Message) -> None:
        """Add a message to what is sent by the next `flush`."""
        packed = message.pack()
        self._outgoing.append(memoryview(packed))
        self._outgoing_bytes += len(packed)

    def flush(self, now: float) -> bool:
        """Send what the socket takes; False when the front end is gone."""
        while self._outgoing:
            buffers = [self._outgoing[i] for i in range(min(len(self._outgoing), _BUFFERS_PER_SEND))]
            try:
                sent = self.sock.sendmsg(buffers)
            except BlockingIOError:
                self.stalled_since = self.stalled_since or now
                return True
            except ConnectionError:
                return False
            self._forget(sent)
            self.stalled_since = None
        return True

    def close(self) -> None:
        """Close the socket."""
        self.sock.close()

    def _forget(self, sent: int) -> None:
        self._outgoing_bytes -= sent
        while sent:
            head = self._outgoing[0]
            if sent < len(head):
                self._outgoing[0] = head[sent:]
                return
            sent -= len(head)
            self._outgoing.popleft()
