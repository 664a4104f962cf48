"""Where a channel points, and the way back."""

import asyncio
import fcntl
import logging
import time
from dataclasses import replace
from pathlib import Path

import pytest

from codec.repository import Channel, Repository
from service.supervisor.channel_target import ChannelTarget
from service.supervisor.deployment import Deployment
from tests.service.supervisor.stage import plan, publish


async def ended(folder: Path, version: str) -> Deployment:
    """A deployment that has been stopped before its first worker's turn came."""
    made = replace(plan(folder, folder, version=version), lane=asyncio.Lock())
    deployment = Deployment(made, changed=lambda: None)
    deployment.retire()
    await deployment.stopped()
    return deployment


async def test_while_another_version_is_wanted_the_way_back_is_what_serves(tmp_path: Path) -> None:
    target = ChannelTarget("model", "stable", is_default=True)
    assert (target.version, target.previous) == ("", "")
    target.serve(await ended(tmp_path, "1-aaaaaaaaaaaa"))
    replaced = target.serve(await ended(tmp_path, "2-bbbbbbbbbbbb"))
    assert replaced is not None
    assert (replaced.version, target.previous) == ("1-aaaaaaaaaaaa", "1-aaaaaaaaaaaa")
    target.wanted = Channel(version="3-cccccccccccc", generation=3)
    assert (target.version, target.previous) == ("2-bbbbbbbbbbbb", "2-bbbbbbbbbbbb")


class Line:
    """Three versions, and targets that look at them one after the other as restarted services do."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.repository = Repository(folder / "models")
        self.versions = [publish(self.repository, folder, "serve", take=n).version for n in range(3)]
        self.notes = self.repository.root / "model" / "channels" / "stable.served"

    def started(self) -> ChannelTarget:
        target = ChannelTarget("model", "stable", is_default=True)
        target.look(self.repository)
        return target

    async def serve(self, target: ChannelTarget, number: int) -> None:
        version = self.versions[number]
        self.repository.set_channel("model", "stable", version)
        target.look(self.repository)
        target.serve(await ended(self.folder, version))
        target.look(self.repository)


async def test_whoever_starts_later_knows_what_has_served_and_not_what_was_only_pointed_at(
    tmp_path: Path,
) -> None:
    line = Line(tmp_path)
    first, bad, third = line.versions
    target = line.started()
    assert target.previous == ""
    await line.serve(target, 0)
    line.repository.set_channel("model", "stable", bad)
    assert line.started().previous == first, "what served is the way back from what never did"
    await line.serve(target, 2)
    later = line.started()
    assert (later.version, later.previous) == ("", first)
    later.serve(await ended(tmp_path, third))
    assert later.previous == first
    await line.serve(later, 0)
    assert later.previous == line.started().previous == ""


async def test_notes_that_cannot_be_read_or_written_do_not_keep_a_version_from_serving(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    line = Line(tmp_path)
    line.notes.mkdir()
    target = line.started()
    await line.serve(target, 0)
    await line.serve(target, 2)
    assert (target.version, target.previous, target.fault) == (line.versions[2], line.versions[0], "")
    told = [record.message for record in caplog.records if record.levelno < logging.ERROR]
    assert told.count("what served before cannot be read") == 1
    assert told.count("what serves cannot be noted in the repository") == 2
    line.notes.rmdir()
    await line.serve(target, 1)
    assert line.started().previous == ""


async def test_what_serves_is_noted_later_while_somebody_publishes(tmp_path: Path) -> None:
    line = Line(tmp_path)
    target = line.started()
    with (line.repository.root / "model" / ".lock").open("a") as lock:
        for number in (0, 1):
            target.wanted = Channel(version=line.versions[number], generation=4 + number)
            target.serve(await ended(tmp_path, line.versions[number]))
        fcntl.flock(lock, fcntl.LOCK_EX)
        target.look(line.repository)
        assert not line.notes.exists()
    target.look(line.repository)
    assert line.repository.read_served("model", "stable").versions == tuple(line.versions[:2])


def test_a_missing_channel_is_an_error_only_where_it_is_needed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    (tmp_path / "work").mkdir()
    repository = Repository(tmp_path / "models")
    version = publish(repository, tmp_path / "work", "serve").version
    stable = ChannelTarget("model", "stable", is_default=True)
    canary = ChannelTarget("model", "canary", is_default=False)
    assert stable.read_at == 0.0
    began = time.time()
    for _ in range(2):
        stable.look(repository)
        canary.look(repository)
    assert began <= stable.read_at <= time.time()
    assert canary.read_at == 0.0
    assert stable.wanted == Channel(version=version, generation=1)
    assert canary.wanted is None
    assert "no channel 'canary'" in canary.problem
    (repository.root / "model" / "channels" / "stable.json").unlink()
    before = stable.read_at
    stable.look(repository)
    assert stable.read_at == before, "what cannot be read has not been read"
    assert stable.wanted is not None
    told = [record.levelno for record in caplog.records if record.message == "a channel cannot be read"]
    assert told == [logging.INFO, logging.ERROR]
