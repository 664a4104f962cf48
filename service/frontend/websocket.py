"""`WS /stream`: live streams for browsers, with the messages of the gRPC interface."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from service.frontend.http_errors import error_response
from service.frontend.stream_server import StreamServer, Wire
from service.frontend.websocket_protocol import ABORT
from service.frontend.websocket_words import (
    Dialect,
    Finish,
    Open,
    close_code,
    parse,
    worded,
    worded_error,
)
from service.status import Condition, ServiceError

logger = logging.getLogger(__name__)

_SUBPROTOCOL = "codec.v1"
_NORMAL = 1000
_TOO_BIG = 1009


class StreamSocket:
    """The ASGI application behind the route."""

    def __init__(self, streams: StreamServer) -> None:
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection; one that could not get a stream is refused before its upgrade."""
        if (refusal := self._streams.refusal()) is not None:
            await error_response(refusal)(scope, receive, send)
            return
        websocket = WebSocket(scope, receive, send)
        # A browser that offers subprotocols, its key among them, wants one of them taken.
        await websocket.accept(_SUBPROTOCOL if _SUBPROTOCOL in scope["subprotocols"] else None)
        try:
            await self._serve(websocket)
        except ServiceError as error:
            await self._end(websocket, close_code(error.condition), error)
        else:
            await self._end(websocket, _NORMAL)

    async def _serve(self, websocket: WebSocket) -> None:
        try:
            async with asyncio.timeout(self._streams.limits.idle_seconds):
                opening = await _receive(websocket)
        except TimeoutError as error:
            message = f"no open within {self._streams.limits.idle_seconds:g} s"
            raise ServiceError(Condition.DEADLINE_EXCEEDED, message) from error
        words = parse(opening) if isinstance(opening, str) else None
        if not isinstance(words, Open):
            raise ServiceError(Condition.INVALID_ARGUMENT, "the first message must be open, as text")
        dialect = Dialect(words)
        requests = _requests(websocket, dialect, words.prime_messages, self._streams.message_bytes)

        async def write(response: Any) -> None:
            await _send(websocket, worded(response))

        await self._streams.serve(dialect.side(), Wire(requests, write))

    async def _end(self, websocket: WebSocket, code: int, error: ServiceError | None = None) -> None:
        """Say how it ended and close; one that does not read must not hold the connection for ever."""
        if WebSocketState.DISCONNECTED in (websocket.client_state, websocket.application_state):
            logger.debug("a client left before its stream ended: %s", error)
            return
        try:
            async with asyncio.timeout(self._streams.limits.slow_reader_seconds):
                if error is not None:
                    await _send(websocket, worded_error(error))
                await websocket.close(code, "" if error is None else error.condition.name.lower())
        except TimeoutError:
            logger.info("a client did not read that its stream ended: %s", error)
            websocket.scope["state"][ABORT]()
        except (ServiceError, WebSocketDisconnect):
            logger.debug("a client left before its stream ended: %s", error)


async def _requests(
    websocket: WebSocket, dialect: Dialect, prime_messages: int, message_bytes: int
) -> AsyncIterator[Any]:
    """What the client says; ends with `finish`."""
    prime: list[bytes] = []
    prime_bytes = 0
    while len(prime) < prime_messages:
        piece = await _receive(websocket)
        if isinstance(piece, str):
            raise ServiceError(
                Condition.INVALID_ARGUMENT, "text came inside the prime; send its binary messages"
            )
        prime.append(piece)
        prime_bytes += len(piece)
        if prime_bytes > message_bytes:
            problem = f"the prime is larger than {message_bytes} bytes; send less of it"
            raise ServiceError(Condition.LIMIT_EXCEEDED, problem)
    yield dialect.open(prime)
    while True:
        message = await _receive(websocket)
        if isinstance(message, bytes):
            yield dialect.data(message)
            continue
        words = parse(message)
        if isinstance(words, Finish):
            return
        if (request := dialect.said(words)) is not None:
            yield request


async def _receive(websocket: WebSocket) -> str | bytes:
    """The next message; raises `ServiceError` when the connection ends."""
    message = await websocket.receive()
    if message["type"] == "websocket.disconnect":
        if message["code"] == _TOO_BIG:
            raise ServiceError(Condition.LIMIT_EXCEEDED, "a message was far too large")
        raise ServiceError(Condition.CANCELLED, "the client has left")
    text: str | None = message.get("text")
    if text is not None:
        return text
    packed: bytes = message["bytes"]
    return packed


async def _send(websocket: WebSocket, message: str | bytes) -> None:
    try:
        if isinstance(message, str):
            await websocket.send_text(message)
        else:
            await websocket.send_bytes(message)
    except WebSocketDisconnect as error:
        raise ServiceError(Condition.CANCELLED, "the client has left") from error
