"""What goes out to a worker: messages of live streams at once, requests as fast as the worker takes them."""

import asyncio

from service.ipc import Message

_TURN_BYTES = 1 << 18
"""Of requests, in one turn of the loop: more would stand in the socket before the next live message."""


class Outbound:
    """The sending half of a connection.

    All that one turn of the loop has to say goes out by one system call. While the worker does not take what
    was written, requests wait here, so that live messages that come after them do not wait behind them.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        # Told at once when something is left unsent, and again when all of it has gone.
        transport.set_write_buffer_limits(high=0)
        self._transport = transport
        self._live: list[bytes] = []
        self._requests: dict[int, bytes] = {}
        self._is_due = False
        self._is_paused = False

    def send(self, message: Message) -> None:
        """Send a message as soon as may be."""
        self._live.append(message.pack())
        self._soon()

    def request(self, message: Message) -> None:
        """Send a request when the worker has taken what was written before."""
        self._requests[message.session] = message.pack()
        if not self._is_paused:
            self._soon()

    def withdraw(self, session: int) -> bool:
        """Take a request back; False if it has gone out."""
        return self._requests.pop(session, None) is not None

    def pause(self) -> None:
        """The worker does not take what was written."""
        self._is_paused = True

    def resume(self) -> None:
        """The worker has taken it all."""
        self._is_paused = False
        if self._requests:
            self._soon()

    def abort(self) -> None:
        """Drop the connection."""
        self._transport.abort()

    def _soon(self) -> None:
        if not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._is_due = False
        outgoing, self._live = self._live, []
        size = 0
        while self._requests and not self._is_paused and size < _TURN_BYTES:
            packed = self._requests.pop(next(iter(self._requests)))
            outgoing.append(packed)
            size += len(packed)
        # The connection may have ended since; who waited for an answer has been told.
        if outgoing and not self._transport.is_closing():
            self._transport.writelines(outgoing)
        if self._requests and not self._is_paused:
            self._soon()
