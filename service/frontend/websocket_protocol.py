"""uvicorn's WebSocket protocol, made to end as live streams do."""

import asyncio
from typing import Any

from uvicorn import Config
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

ABORT = "codecd.abort"
"""Where the state of the ASGI scope has what drops the connection at once."""

_NOT_UTF8 = 1007


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

    def send_receive_event_to_app(self) -> None:
        """Called by uvicorn with a whole message, of which a stranger's bad text would fill its log."""
        if self.curr_msg_data_type == "text" and not self.close_sent and not _is_utf8(self.frames):
            self.conn.send_close(_NOT_UTF8)
            self.handle_parser_exception()
        else:
            super().send_receive_event_to_app()

    async def send(self, message: Any) -> None:
        """The ASGI interface; raises `ClientDisconnected` where the protocol has closed already."""
        if self.handshake_complete and self.close_sent:
            raise ClientDisconnected
        await super().send(message)
        if self.close_sent:
            # A refusal before the upgrade is an end, too, which uvicorn would put down as a defect of ours.
            self.handshake_complete = True
        if self.close_timer is not None:
            # uvicorn would go on waiting until all that was written has been read.
            self.close_timer.cancel()
            self.close_timer = self.loop.call_later(self.close_timeout, self._abort)

    def _abort(self) -> None:
        self.transport.abort()


def _is_utf8(frames: list[bytes]) -> bool:
    try:
        b"".join(frames).decode()
    except UnicodeDecodeError:
        return False
    return True
