"""Where a channel points, and the way back."""

import asyncio
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


async def test_every_step_back_leads_further_back(tmp_path: Path) -> None:
    target = ChannelTarget("model", "stable", is_default=True)
    assert (target.version, target.previous) == ("", "")
    for version in ("1-a", "2-b", "3-c"):
        target.serve(await ended(tmp_path, version))
    assert (target.version, target.previous) == ("3-c", "2-b")
    replaced = target.serve(await ended(tmp_path, "2-b"))
    assert replaced is not None
    assert replaced.version == "3-c"
    assert target.previous == "1-a", "going back twice must not lead to what was left"
    target.serve(await ended(tmp_path, "1-a"))
    assert target.previous == ""
    target.serve(await ended(tmp_path, "3-c"))
    assert target.previous == "1-a"


async def test_while_another_version_is_wanted_the_way_back_is_what_serves(tmp_path: Path) -> None:
    target = ChannelTarget("model", "stable", is_default=True)
    target.serve(await ended(tmp_path, "1-aaaaaaaaaaaa"))
    target.serve(await ended(tmp_path, "2-bbbbbbbbbbbb"))
    target.wanted = Channel(version="3-cccccccccccc", generation=3)
    assert target.previous == "2-bbbbbbbbbbbb"


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
