"""The line to the supervisor."""

import asyncio
import json
import socket

import pytest

from service.frontend.control import ControlLink, Message


async def test_messages_go_both_ways_until_the_end() -> None:
    ours, theirs = socket.socketpair()
    ours.sendall(b'{"type": "config", "x": 1}\n{"type": "a"}\n{"ty')
    link = ControlLink()
    assert await link.open(theirs.detach()) == {"type": "config", "x": 1}
    seen: list[Message] = []
    listening = asyncio.ensure_future(link.listen(seen.append))
    link.tell({"event": "ready"})
    ours.sendall(b'pe": "b"}\n')
    await asyncio.sleep(0.05)
    assert seen == [{"type": "a"}, {"type": "b"}]
    assert json.loads(ours.recv(100)) == {"event": "ready"}
    ours.close()
    await asyncio.wait_for(listening, 5)
    link.close()
    await asyncio.sleep(0)


async def test_a_supervisor_that_has_gone_is_told_apart() -> None:
    ours, theirs = socket.socketpair()
    ours.close()
    with pytest.raises(EOFError):
        await ControlLink().open(theirs.detach())
    await asyncio.sleep(0)
