"""How connections end, over real sockets."""

import asyncio
import logging
import time
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.utils import ClientDisconnected
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from service.frontend.websocket_protocol import ABORT, StreamProtocol
from service.http_server import HttpServer


class App:
    """Accepts, hands out the way to drop the connection, and closes when told to."""

    def __init__(self) -> None:
        self.done = asyncio.Event()
        self.state: dict[str, Any] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.state = scope["state"]
        await send({"type": "websocket.accept"})
        await self.done.wait()
        await send({"type": "websocket.close", "code": 1012})


async def test_a_server_that_shuts_down_leaves_the_end_to_the_stream() -> None:
    app = App()
    server = HttpServer.listen(
        app, "127.0.0.1", 0, grace_seconds=10, websocket=StreamProtocol, websocket_bytes=1000
    )
    serving = await server.start()
    async with connect(f"ws://127.0.0.1:{server.port}/") as socket:
        server.should_exit = True
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(socket.recv(), 0.5)
        app.done.set()
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
    await asyncio.wait_for(serving, 5)


async def test_a_connection_can_be_dropped_though_nobody_reads() -> None:
    app = App()
    server = HttpServer.listen(
        app, "127.0.0.1", 0, grace_seconds=1, websocket=StreamProtocol, websocket_bytes=1000
    )
    serving = await server.start()
    async with connect(f"ws://127.0.0.1:{server.port}/") as socket:
        started = time.monotonic()
        app.state[ABORT]()
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
        assert closed.value.rcvd is None
        assert time.monotonic() - started < 5
    app.done.set()
    server.should_exit = True
    await asyncio.wait_for(serving, 5)


async def test_text_that_is_none_ends_the_connection_and_leaves_the_log_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ended: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        await receive()
        ended.append((await receive())["type"])
        with pytest.raises(ClientDisconnected):
            await send({"type": "websocket.send", "text": "too late"})

    server = HttpServer.listen(
        app, "127.0.0.1", 0, grace_seconds=1, websocket=StreamProtocol, websocket_bytes=1000
    )
    serving = await server.start()
    with caplog.at_level(logging.ERROR):
        async with connect(f"ws://127.0.0.1:{server.port}/") as socket:
            await socket.send(b"\xff not text", text=True)
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
        server.should_exit = True
        await asyncio.wait_for(serving, 5)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1007
    assert ended == ["websocket.disconnect"]
    assert not caplog.records
