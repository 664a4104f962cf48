"""A child talks, stops when told, and its death is seen at once."""

import os
import time
from pathlib import Path

import pytest

from service.supervisor.child import Child, Message, describe_exit
from tests.service.supervisor.stage import MODULE, until


async def start(folder: Path, behaviour: str, events: list[Message]) -> Child:
    (folder / "behaviour").write_text(behaviour)
    child = await Child.start("puppet", MODULE, os.environ, {"version_path": str(folder)}, events.append)
    if behaviour not in ("crash", "reject"):
        await until(lambda: events)
        assert events.pop()["event"] == "ready"
    return child


async def test_messages_go_both_ways_and_stop_ends_it(tmp_path: Path) -> None:
    events: list[Message] = []
    child = await start(tmp_path, "serve", events)
    child.send({"type": "routes", "text": "ü" * 100_000})
    await until(lambda: events)
    assert events[0]["message"]["text"] == "ü" * 100_000
    await child.stop(patience_seconds=10)
    assert await child.wait() == 0


async def test_death_is_seen_at_once(tmp_path: Path) -> None:
    child = await start(tmp_path, "serve", [])
    os.kill(child.pid, 9)
    killed = time.monotonic()
    assert describe_exit(await child.wait()) == "signal SIGKILL"
    assert time.monotonic() - killed < 0.5
    child.send({"type": "stop"})


async def test_all_that_it_said_is_in_when_it_has_ended(tmp_path: Path) -> None:
    events: list[Message] = []
    child = await start(tmp_path, "reject", events)
    assert describe_exit(await child.wait()) == "status 3"
    assert events == [{"event": "rejected", "stage": "golden", "reason": "as told"}]


async def test_the_stubborn_are_killed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    child = await start(tmp_path, "stubborn", [])
    await child.stop(patience_seconds=0.1)
    assert describe_exit(await child.wait()) == "signal SIGKILL"
    assert [record.__dict__["then"] for record in caplog.records] == ["SIGTERM", "SIGKILL"]
