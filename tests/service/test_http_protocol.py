"""Connections that cost more than they should are closed; all others are served."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from service.http_protocol import ConnectionBounds
from service.http_server import HttpServer

BOUNDS = ConnectionBounds(
    head_seconds=0.5, head_bytes=4096, rest_seconds=0.5, slow_seconds=0.5, connections=8
)
GOOD = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LARGE = 1 << 24

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers at once; a large answer for `/large`."""
    size = LARGE if Request(scope).url.path == "/large" else 4
    await PlainTextResponse("x" * size)(scope, receive, send)


@pytest_asyncio.fixture
async def port() -> AsyncIterator[int]:
    """A server with close bounds."""
    server = HttpServer.listen(app, "127.0.0.1", 0, grace_seconds=1, bounds=BOUNDS)
    task = await server.start()
    yield server.port
    server.should_exit = server.force_exit = True
    await task


async def connect(port: int) -> Stream:
    return await asyncio.open_connection("127.0.0.1", port, limit=1 << 12)


async def status(reader: asyncio.StreamReader) -> int:
    return int((await asyncio.wait_for(reader.readline(), 5)).split()[1])


async def assert_served(port: int) -> None:
    reader, writer = await connect(port)
    writer.write(GOOD)
    assert await status(reader) == 200
    writer.close()


async def drip(writer: asyncio.StreamWriter) -> None:
    """Send bytes one by one for as long as somebody takes them."""
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.05)


async def ends(reader: asyncio.StreamReader) -> None:
    """Wait until the server has closed the connection."""
    await asyncio.wait_for(read_all(reader), 5)


async def test_a_head_that_does_not_come(port: int) -> None:
    reader, writer = await connect(port)
    assert await status(reader) == 408
    await ends(reader)
    writer.close()
    await assert_served(port)


async def test_a_head_that_comes_by_drops(port: int) -> None:
    reader, writer = await connect(port)
    answer = asyncio.create_task(status(reader))
    for byte in GOOD * 4:
        if answer.done():
            break
        writer.write(bytes([byte]) if byte != 10 else b" ")
        await asyncio.sleep(0.05)
    assert await answer == 408
    writer.close()


async def test_a_second_head_that_comes_by_drops(port: int) -> None:
    reader, writer = await connect(port)
    writer.write(GOOD)
    assert await status(reader) == 200
    writer.write(b"G")
    await ends(reader)
    writer.close()


@pytest.mark.parametrize("start", [b"GET /", b"GET / HTTP/1.1\r\nX: "])
async def test_a_head_without_end(start: bytes, port: int) -> None:
    reader, writer = await connect(port)
    writer.write(start + b"x" * 100_000)
    assert await status(reader) == 431
    writer.close()


async def test_trailers_without_end(port: int) -> None:
    reader, writer = await connect(port)
    writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n")
    for number in range(100):
        writer.write(b"X-%d: " % number + b"x" * 100 + b"\r\n")
    await ends(reader)
    writer.close()


async def test_the_rest_of_a_body_that_was_answered_is_not_waited_for(port: int) -> None:
    reader, writer = await connect(port)
    writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
    assert await status(reader) == 200
    await ends(reader)
    writer.close()


async def test_an_answer_before_the_end_of_a_body_is_not_lost_with_the_connection(port: int) -> None:
    reader, writer = await connect(port)
    size = 1 << 22
    request = f"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {size}\r\n\r\n"
    writer.write(request.encode())
    for _ in range(4):
        await asyncio.sleep(0.05)
        writer.write(bytes(size // 4))
        await writer.drain()
    writer.write(GOOD)
    received = await asyncio.wait_for(reader.read(), 5)
    assert received.count(b"HTTP/1.1 200 ") == 1
    writer.close()


async def test_the_end_of_an_answered_connection_is_not_put_off_by_drops(port: int) -> None:
    reader, writer = await connect(port)
    writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1000\r\n\r\n")
    assert await status(reader) == 200
    with pytest.raises(ConnectionError):
        await asyncio.wait_for(drip(writer), 10)
    writer.close()


async def test_a_body_that_stops_to_be_one_after_its_answer(port: int) -> None:
    reader, writer = await connect(port)
    writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n")
    assert await status(reader) == 200
    writer.write(b"nonsense\r\n")
    assert b"400" not in await read_all(reader)
    writer.close()
    await assert_served(port)


async def test_an_answer_that_is_not_read(port: int) -> None:
    reader, writer = await connect(port)
    writer.write(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
    await asyncio.sleep(2)
    assert len(await read_all(reader)) < LARGE
    writer.close()


async def test_an_answer_that_is_read_in_time(port: int) -> None:
    reader, writer = await connect(port)
    writer.write(b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    received = 0
    while piece := await reader.read(1 << 20):
        received += len(piece)
        await asyncio.sleep(0.0005)
    assert received > LARGE
    writer.close()


async def test_connections_beyond_the_limit(port: int) -> None:
    streams = [await connect(port) for _ in range(BOUNDS.connections)]
    reader, writer = await connect(port)
    assert await status(reader) == 503
    for _, idle in [*streams, (reader, writer)]:
        idle.close()
    await asyncio.sleep(0.1)
    await assert_served(port)


async def test_an_old_connection_is_answered_once_more() -> None:
    bounds = ConnectionBounds(age_seconds=0.5)
    server = HttpServer.listen(app, "127.0.0.1", 0, grace_seconds=1, bounds=bounds)
    task = await server.start()
    reader, writer = await connect(server.port)
    writer.write(GOOD)
    young = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    await asyncio.sleep(0.6)
    writer.write(GOOD)
    old = await asyncio.wait_for(reader.read(), 5)
    assert b"connection: close" not in young.lower()
    assert b" 200 " in old
    assert b"connection: close" in old.lower()
    writer.close()
    server.should_exit = True
    await task


async def test_what_is_no_http(port: int) -> None:
    reader, writer = await connect(port)
    writer.write(b"\x16\x03\x01\x02\x00\r\n\r\n")
    assert await status(reader) == 400
    assert b'"invalid_argument"' in await read_all(reader)
    writer.close()


async def read_all(reader: asyncio.StreamReader) -> bytes:
    """What comes until the connection ends, however it ends."""
    content = b""
    try:
        while piece := await reader.read(1 << 16):
            content += piece
    except ConnectionResetError:
        return content
    return content
