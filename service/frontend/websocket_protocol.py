"""uvicorn's WebSocket protocol, made to end as live streams do."""

import asyncio
from typing import Any

from uvicorn import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

ABORT = "codecd.abort"
"""Where the state of the ASGI scope has what drops the connection at once."""


class StreamProtocol(WebSocketsSansIOProtocol):
    """Stays open while the server shuts down, for its stream is asked to end and flushed before that; never
    waits for a client that does not read."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, {**app_state, ABORT: self._abort}, _loop)

    def shutdown(self) -> None:
        """Called by uvicorn, which would close the connection here with no word to the stream."""
        if self.close_sent or not self.handshake_complete:
            super().shutdown()

    async def send(self, message: Any) -> None:
        """The ASGI interface."""
        await super().send(message)
        if self.close_timer is not None:
            # uvicorn would go on waiting until all that was written has been read.
            self.close_timer.cancel()
            self.close_timer = self.loop.call_later(self.close_timeout, self._abort)

    def _abort(self) -> None:
        self.transport.abort()
