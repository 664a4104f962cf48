"""The control socket to the supervisor: lines of JSON both ways."""

import asyncio
import json
import logging
import socket
from collections.abc import Callable
from typing import Any, cast

logger = logging.getLogger(__name__)

Message = dict[str, Any]

# A routing table of a thousand workers is far below this.
_MAX_LINE_BYTES = 1 << 22


class ControlLink:
    """Receives the supervisor's messages and sends events; its end means that the supervisor has died."""

    def __init__(self) -> None:
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def open(self, fd: int) -> Message:
        """Take over the socket and return the first message, the configuration.

        Raises `EOFError` if the supervisor is gone.
        """
        control = socket.socket(fileno=fd)
        self._reader, self._writer = await asyncio.open_unix_connection(sock=control, limit=_MAX_LINE_BYTES)
        message = await self._receive()
        if message is None:
            self.close()
            raise EOFError("the control socket was closed before the configuration came")
        return message

    async def listen(self, handle: Callable[[Message], None]) -> None:
        """Hand every message to `handle` until the socket ends."""
        while (message := await self._receive()) is not None:
            handle(message)

    def tell(self, event: Message) -> None:
        """Send an event to the supervisor."""
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(json.dumps(event).encode() + b"\n")

    def close(self) -> None:
        """Close the socket."""
        if self._writer is not None:
            self._writer.close()

    async def _receive(self) -> Message | None:
        assert self._reader is not None
        try:
            line = await self._reader.readline()
        except ConnectionError as error:
            logger.warning("the control socket has failed: %s", error)
            return None
        return cast(Message, json.loads(line)) if line else None
