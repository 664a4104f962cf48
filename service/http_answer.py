"""Answers as they leave for the socket."""

import asyncio
from collections.abc import Callable


class AnswerTransport:
    """The part of a transport that uvicorn writes one answer to.

    Head and body come one after the other in one turn of the loop, and leave in one piece: a second system
    call would cost a tenth of a small request. What comes alone leaves at the end of the turn. `close`:
    ends the connection.
    """

    __slots__ = ("_close", "_has_begun", "_held", "_loop", "_transport")

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, close: Callable[[], None]
    ) -> None:
        self._transport = transport
        self._close = close
        self._loop = loop
        self._has_begun = False
        self._held = b""

    def write(self, data: bytes) -> None:
        """Part of `asyncio.Transport`."""
        if self._held:
            held, self._held = self._held, b""
            self._transport.writelines((held, data))
        elif self._has_begun:
            self._transport.write(data)
        else:
            self._has_begun = True
            self._held = data
            self._loop.call_soon(self._release)

    def close(self) -> None:
        """Part of `asyncio.Transport`."""
        self._release()
        self._close()

    def is_closing(self) -> bool:
        """Part of `asyncio.Transport`."""
        return self._transport.is_closing()

    def _release(self) -> None:
        if self._held:
            held, self._held = self._held, b""
            self._transport.write(held)
