"""Versions of a model come and go by the channel; a bad one changes nothing. Real processes, no model."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from codec.atomic import replacing
from codec.repository import Repository, VersionPath
from service.supervisor.deployment import Deployment
from service.supervisor.fleet import Fleet, FleetConfig
from tests.service.supervisor.stage import plan, publish, until


class Theatre:
    """A repository, a fleet on it that is reconciled all the time, and what was said to the front end."""

    def __init__(self, folder: Path, drain_seconds: float = 600.0) -> None:
        self.folder = folder
        self.repository = Repository(folder / "models")
        self.sent_away: list[str] = []
        config = FleetConfig("model", "stable", drain_seconds, grace_seconds=0.1)
        self.fleet = Fleet(config, self.repository, self._deploy, self._send_away)
        self._running = asyncio.create_task(self._run())

    def publish(self, behaviour: str, take: int = 0) -> VersionPath:
        return publish(self.repository, self.folder, behaviour, take=take)

    def workers(self, *, draining: bool = False) -> dict[str, str]:
        """Version by id of the routed workers."""
        routed = self.fleet.routes()["workers"]
        return {worker["id"]: worker["version"] for worker in routed if worker["draining"] == draining}

    def serves(self, version: VersionPath) -> Callable[[], bool]:
        return lambda: list(self.workers().values()) == [version.version, version.version]

    def rejected(self) -> list[dict[str, Any]]:
        rejected: list[dict[str, Any]] = self.fleet.routes()["rejected"]
        return rejected

    async def close(self) -> None:
        self._running.cancel()
        await self.fleet.stop()

    async def _run(self) -> None:
        while True:
            await self.fleet.look()
            self.fleet.reconcile()
            await asyncio.sleep(0.02)

    def _deploy(self, version: VersionPath) -> Deployment:
        made = plan(version.path, self.folder, version=version.version, workers=2)
        return Deployment(replace(made, model=version.model), changed=lambda: None)

    def _send_away(self, worker: str, grace_seconds: float) -> None:
        self.sent_away.append(worker)


@pytest.fixture
async def theatre(tmp_path: Path) -> AsyncIterator[Theatre]:
    theatre = Theatre(tmp_path)
    yield theatre
    await theatre.close()


async def test_a_new_version_takes_over_and_the_old_one_drains(theatre: Theatre) -> None:
    first = theatre.publish("serve", 1)
    await until(theatre.serves(first))
    second = theatre.publish("serve", 2)
    seen = set()
    while not theatre.serves(second)():
        seen.add(tuple(theatre.workers().values()))
        await asyncio.sleep(0.005)
    assert seen == {(first.version, first.version)}, "at every moment one whole version is routed"
    old = theatre.workers(draining=True)
    assert list(old.values()) == [first.version] * 2
    for worker in old:
        theatre.fleet.worker_idle(worker)
    await until(lambda: not theatre.workers(draining=True))
    assert theatre.serves(second)()


async def test_a_rejected_version_is_told_and_not_tried_again_until_the_channel_moves(
    theatre: Theatre,
) -> None:
    good = theatre.publish("serve")
    await until(theatre.serves(good))
    bad = theatre.publish("reject")
    await until(theatre.rejected)
    assert theatre.rejected() == [{"version": bad.version, "stage": "golden", "reason": "as told"}]
    assert theatre.serves(good)()
    (bad.path / "behaviour").write_text("serve")
    await asyncio.sleep(0.3)
    assert theatre.serves(good)()
    theatre.repository.set_channel("model", "stable", bad.version)
    await until(theatre.serves(bad))
    assert theatre.rejected() == []


async def test_a_version_whose_workers_crash_is_rejected(theatre: Theatre) -> None:
    good = theatre.publish("serve")
    await until(theatre.serves(good))
    theatre.publish("crash")
    await until(theatre.rejected)
    assert theatre.rejected()[0]["stage"] == "load"
    assert theatre.serves(good)()


async def test_going_back_is_the_same_path(theatre: Theatre) -> None:
    first = theatre.publish("serve", 1)
    await until(theatre.serves(first))
    second = theatre.publish("serve", 2)
    await until(theatre.serves(second))
    theatre.repository.set_channel("model", "stable", first.version)
    await until(theatre.serves(first))
    assert sorted(theatre.workers(draining=True).values()) == sorted([first.version, second.version] * 2)


async def test_a_candidate_that_is_not_wanted_any_more_is_given_up(theatre: Theatre) -> None:
    good = theatre.publish("serve")
    await until(theatre.serves(good))
    theatre.publish("reject", 1)
    theatre.repository.set_channel("model", "stable", good.version)
    await asyncio.sleep(0.3)
    assert theatre.serves(good)()
    assert theatre.workers(draining=True) == {}


async def test_a_dead_worker_of_a_draining_version_is_not_replaced(theatre: Theatre) -> None:
    first = theatre.publish("serve", 1)
    await until(theatre.serves(first))
    second = theatre.publish("serve", 2)
    await until(theatre.serves(second))
    assert len(theatre.workers(draining=True)) == 2
    (first.path / "behaviour").write_text("crash")
    theatre.fleet.worker_idle(next(iter(theatre.workers(draining=True))))
    await until(lambda: len(theatre.workers(draining=True)) == 1)
    await asyncio.sleep(0.3)
    assert len(theatre.workers(draining=True)) == 1


async def test_an_unreadable_channel_changes_nothing(
    theatre: Theatre, caplog: pytest.LogCaptureFixture
) -> None:
    good = theatre.publish("serve")
    await until(theatre.serves(good))
    caplog.clear()
    channel = theatre.repository.root / "model" / "channels" / "stable.json"
    for content in ("{", '{"version": "9-0123456789ab", "generation": 99}'):
        with replacing(channel) as draft:
            draft.write_text(content)
        await asyncio.sleep(0.2)
        assert theatre.serves(good)()
    messages = [record.message for record in caplog.records]
    assert messages.count("a channel cannot be read") == 1, "said once, not at every look"
    assert theatre.rejected()[0]["version"] == "9-0123456789ab"


async def test_streams_of_a_replaced_version_are_sent_away_in_the_end(tmp_path: Path) -> None:
    theatre = Theatre(tmp_path, drain_seconds=0.1)
    first = theatre.publish("serve", 1)
    await until(theatre.serves(first))
    theatre.publish("serve", 2)
    await until(lambda: len(theatre.sent_away) == 2)
    assert sorted(theatre.sent_away) == sorted(theatre.workers(draining=True))
    await asyncio.sleep(0.2)
    assert len(theatre.sent_away) == 2
    await theatre.close()
