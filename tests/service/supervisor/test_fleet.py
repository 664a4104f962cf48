"""Versions of a model come and go by the channel; a bad one changes nothing. Real processes, no model."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from codec.atomic import replacing
from codec.repository import Repository, VersionPath
from service.supervisor.deployment import Deployment
from service.supervisor.fleet import Fleet, FleetConfig
from service.supervisor.memory import Memory
from tests.service.supervisor.stage import children, plan, publish, until


class Theatre:
    """A repository, a fleet on it that is reconciled all the time, and what was said to the front end."""

    def __init__(
        self, folder: Path, drain_seconds: float = 600.0, channels: tuple[str, ...] = ("stable",)
    ) -> None:
        self.folder = folder
        self.repository = Repository(folder / "models")
        self.sent_away: list[str] = []
        self.proc = folder / "proc"
        self.proc.mkdir()
        self.set_memory(available_kib=1_000_000)
        config = FleetConfig("model", channels, 2, drain_seconds, grace_seconds=0.1)
        self.memory = Memory(self.proc, folder)
        self.fleet = Fleet(config, self.repository, self._deploy, self._send_away, self.memory)
        self._lane = asyncio.Lock()
        self._running = asyncio.create_task(self._run())

    def set_memory(self, *, available_kib: int) -> None:
        with replacing(self.proc / "meminfo") as draft:
            draft.write_text(f"MemTotal:       9 kB\nMemAvailable:   {available_kib} kB\n")

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
        lane = self._lane if self.fleet.serving else None
        return Deployment(replace(made, model=version.model, lane=lane), changed=lambda: None)

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


async def test_going_back_takes_up_the_workers_that_still_drain(theatre: Theatre) -> None:
    first = theatre.publish("serve", 1)
    await until(theatre.serves(first))
    before = theatre.workers()
    second = theatre.publish("serve", 2)
    await until(theatre.serves(second))
    theatre.repository.set_channel("model", "stable", first.version)
    await until(theatre.serves(first))
    assert theatre.workers() == before
    assert list(theatre.workers(draining=True).values()) == [second.version] * 2


async def test_going_back_to_a_version_that_has_lost_a_worker_starts_it_anew(theatre: Theatre) -> None:
    first = theatre.publish("serve", 1)
    await until(theatre.serves(first))
    before = theatre.workers()
    second = theatre.publish("serve", 2)
    await until(theatre.serves(second))
    theatre.fleet.worker_idle(next(iter(before)))
    await until(lambda: len(theatre.workers(draining=True)) == 1)
    theatre.repository.set_channel("model", "stable", first.version)
    await until(theatre.serves(first))
    assert not theatre.workers().keys() & before.keys()


async def test_channels_are_served_side_by_side_and_a_version_runs_once(tmp_path: Path) -> None:
    theatre = Theatre(tmp_path, channels=("stable", "canary"))
    first = theatre.publish("serve", 1)
    await until(theatre.serves(first))
    second = publish(theatre.repository, tmp_path, "serve", take=2, channel="canary")
    both = [first.version] * 2 + [second.version] * 2
    await until(lambda: list(theatre.workers().values()) == both)
    assert theatre.fleet.routes()["channels"] == {"stable": first.version, "canary": second.version}
    workers = {worker for worker, version in theatre.workers().items() if version == second.version}
    theatre.repository.set_channel("model", "stable", second.version)
    await until(theatre.serves(second))
    assert theatre.workers().keys() == workers, "what ran for the canary serves stable as well"
    assert list(theatre.workers(draining=True).values()) == [first.version] * 2
    await theatre.close()


async def test_twenty_loads_leave_nothing_behind(theatre: Theatre) -> None:
    first = theatre.publish("serve", 1)
    await until(theatre.serves(first))
    versions = [first, theatre.publish("serve", 2)]
    before: list[tuple[int, int]] = []
    for turn in range(20):
        wanted = versions[(turn + 1) % 2]
        theatre.repository.set_channel("model", "stable", wanted.version)
        await until(theatre.serves(wanted))
        for worker in theatre.workers(draining=True):
            theatre.fleet.worker_idle(worker)
        await until(lambda: not theatre.fleet.draining)
        before.append((len(children()), len(os.listdir("/proc/self/fd"))))
    assert len(set(before[1:])) == 1, before


async def test_a_candidate_starts_one_worker_after_the_other(theatre: Theatre) -> None:
    first = theatre.publish("serve", 1)
    await until(theatre.serves(first))
    second = theatre.publish("slow", 2)
    most = 0
    while not theatre.serves(second)():
        candidate = theatre.fleet.candidate
        most = max(most, len(candidate.starting) if candidate is not None else 0)
        await asyncio.sleep(0.005)
    assert most == 1


async def test_a_version_without_room_is_rejected_until_there_is_room(theatre: Theatre) -> None:
    first = theatre.publish("serve", 1)
    await until(theatre.serves(first))
    for deployment in theatre.fleet.serving:
        for worker in deployment.workers:
            folder = theatre.proc / str(worker.pid)
            folder.mkdir()
            (folder / "status").write_text("Name: worker\nRssAnon:\t  300000 kB\n")
    theatre.set_memory(available_kib=500_000)
    second = theatre.publish("serve", 2)
    await until(theatre.rejected)
    (rejected,) = theatre.rejected()
    assert (rejected["version"], rejected["stage"]) == (second.version, "memory")
    assert "614 MB" in rejected["reason"]
    assert "512 MB" in rejected["reason"]
    assert theatre.serves(first)()
    theatre.set_memory(available_kib=700_000)
    theatre.fleet.retry()
    await until(theatre.serves(second))


async def test_a_canary_that_fails_or_is_rejected_loses_its_share(tmp_path: Path) -> None:
    theatre = Theatre(tmp_path, channels=("stable", "canary"))
    first = theatre.publish("serve", 1)
    await until(theatre.serves(first))
    second = publish(theatre.repository, tmp_path, "serve", take=2, channel="canary")
    theatre.fleet.canary.give("canary", 0.5)
    await until(lambda: theatre.fleet.routes()["canary"] == {"version": second.version, "weight": 0.5})
    theatre.fleet.canary.count(second.version, done=0, failed=30)
    await until(lambda: theatre.fleet.routes()["canary"] is None)
    theatre.fleet.canary.give("canary", 0.5)
    publish(theatre.repository, tmp_path, "reject", take=3, channel="canary")
    await until(lambda: theatre.fleet.canary.withdrawn)
    assert theatre.fleet.routes()["canary"] is None
    assert theatre.fleet.routes()["channels"]["canary"] == second.version
    await theatre.close()


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
