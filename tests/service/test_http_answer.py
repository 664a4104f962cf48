"""What is written in one turn of the loop leaves in one piece, over a real connection."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from service.http_answer import AnswerTransport


class _Received(asyncio.Protocol):
    """Keeps the pieces as the system hands them over."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.ended = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self.pieces.append(data)

    def eof_received(self) -> None:
        self.ended.set()


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[asyncio.Transport, _Received]]:
    """The server's side of a connection, and what its client receives."""
    loop = asyncio.get_running_loop()
    made: asyncio.Future[asyncio.Transport] = loop.create_future()

    class Server(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            made.set_result(transport)

    server = await loop.create_server(Server, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client, received = await loop.create_connection(_Received, "127.0.0.1", port)
    try:
        yield await made, received
    finally:
        client.close()
        server.close()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


async def test_head_and_body_are_one_piece() -> None:
    async with connected() as (transport, received):
        answer = AnswerTransport(transport, asyncio.get_running_loop(), transport.close)
        answer.write(b"head ")
        answer.write(b"body")
        await until(lambda: bool(received.pieces))
        assert received.pieces == [b"head body"]


async def test_a_head_without_a_body_leaves_by_itself() -> None:
    async with connected() as (transport, received):
        answer = AnswerTransport(transport, asyncio.get_running_loop(), transport.close)
        answer.write(b"head ")
        await until(lambda: received.pieces == [b"head "])
        for number in range(3):
            answer.write(b"part %d " % number)
        await until(lambda: b"".join(received.pieces) == b"head part 0 part 1 part 2 ")


async def test_what_is_held_leaves_before_the_end() -> None:
    async with connected() as (transport, received):
        answer = AnswerTransport(transport, asyncio.get_running_loop(), transport.close)
        answer.write(b"head")
        assert not answer.is_closing()
        answer.close()
        assert answer.is_closing()
        async with asyncio.timeout(10):
            await received.ended.wait()
        assert received.pieces == [b"head"]
