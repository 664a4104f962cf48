"""Over a real socket that is read slowly."""

import asyncio
import socket
from typing import Any, cast

import uvloop

from service.frontend.outbound import Outbound
from service.ipc import Kind, Message, MessageReader


class _Protocol(asyncio.Protocol):
    """Hands on what the transport says of its buffer."""

    def __init__(self) -> None:
        self.out: Outbound | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.out = Outbound(cast(asyncio.Transport, transport))

    def pause_writing(self) -> None:
        assert self.out is not None
        self.out.pause()

    def resume_writing(self) -> None:
        assert self.out is not None
        self.out.resume()


async def _open() -> tuple[Outbound, socket.socket]:
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    _, protocol = await asyncio.get_running_loop().create_unix_connection(_Protocol, sock=ours)
    assert protocol.out is not None
    return protocol.out, theirs


async def _read(theirs: socket.socket, count: int) -> list[Message]:
    """So many messages."""
    reader, messages = MessageReader(), list[Message]()
    async with asyncio.timeout(20):
        while len(messages) < count:
            messages += reader.feed(await asyncio.get_running_loop().sock_recv(theirs, 1 << 20))
    return messages


async def test_live_messages_overtake_requests_that_the_worker_has_not_taken() -> None:
    out, theirs = await _open()
    with theirs:
        for session in range(40):
            out.request(Message(Kind.JOB, session, payload=bytes(200_000)))
        await asyncio.sleep(0.05)
        for session in range(100, 103):
            out.send(Message(Kind.DATA, session, payload=b"live"))
        messages = await _read(theirs, 43)
        order = [message.session for message in messages]
        assert [session for session in order if session < 100] == list(range(40))
        assert [session for session in order if session >= 100] == [100, 101, 102]
        assert max(order.index(session) for session in (100, 101, 102)) < 10
        assert all(len(message.payload) == 200_000 for message in messages if message.session < 100)
        out.abort()


async def test_a_request_can_be_taken_back_until_it_has_gone_out() -> None:
    out, theirs = await _open()
    with theirs:
        for session in range(20):
            out.request(Message(Kind.JOB, session, payload=bytes(200_000)))
        await asyncio.sleep(0.05)
        assert out.withdraw(19)
        assert not out.withdraw(19)
        assert not out.withdraw(0)
        assert [message.session for message in await _read(theirs, 19)] == list(range(19))
        out.abort()


async def test_what_is_said_to_a_connection_that_ends_is_dropped_quietly() -> None:
    def run() -> list[dict[str, Any]]:
        troubles: list[dict[str, Any]] = []

        async def talk() -> None:
            asyncio.get_running_loop().set_exception_handler(lambda _, context: troubles.append(context))
            out, theirs = await _open()
            with theirs:
                out.abort()
                out.send(Message(Kind.DATA, 1, payload=b"live"))
                out.request(Message(Kind.JOB, 2, payload=b"job"))
                await asyncio.sleep(0.05)
                out.send(Message(Kind.DATA, 1, payload=b"late"))
                await asyncio.sleep(0.05)

        uvloop.run(talk())
        return troubles

    assert await asyncio.to_thread(run) == []
