"""Ports that are taken, chosen by the system, or shared."""

import asyncio
import socket

import pytest
from prometheus_client import CollectorRegistry, make_asgi_app

from service.http_server import HttpServer


def make(port: int, *, reuse_port: bool = False) -> HttpServer:
    app = make_asgi_app(CollectorRegistry())
    return HttpServer.listen(app, "127.0.0.1", port, grace_seconds=1, reuse_port=reuse_port)


async def answer(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    line = await reader.readline()
    writer.close()
    return line


async def test_a_port_that_is_taken_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        for reuse_port in (False, True):
            with pytest.raises(OSError, match="cannot listen"):
                await make(other.getsockname()[1], reuse_port=reuse_port).start()


async def test_a_server_says_which_port_the_system_chose() -> None:
    server = make(0)
    task = await server.start()
    assert (await answer(server.port)).startswith(b"HTTP/1.1 200")
    server.should_exit = True
    await task


async def test_a_shared_port_outlives_one_of_its_servers() -> None:
    first = make(0, reuse_port=True)
    ending = await first.start()
    second = make(first.port, reuse_port=True)
    staying = await second.start()
    first.should_exit = True
    await ending
    for _ in range(8):
        assert (await answer(second.port)).startswith(b"HTTP/1.1 200")
    second.should_exit = True
    await staying
