"""What an operator does is done in the repository and followed by the fleets."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from codec.errors import InvalidRequestError, NotFoundError
from service.admin.schema import CanaryRequest, ChannelStatus, PromoteRequest, RollbackRequest
from service.supervisor.operator import Operator
from tests.service.supervisor.stage import publish, until
from tests.service.supervisor.test_fleet import Theatre


class Desk:
    """An operator of one fleet of puppets."""

    def __init__(self, folder: Path) -> None:
        self.theatre = Theatre(folder)
        self.drained = 0
        self.operator = Operator(
            {"model": self.theatre.fleet}, self.theatre.repository, self.theatre.memory,
            lambda: None, lambda: None, self._stop,
        )  # fmt: skip

    def channel(self, name: str = "stable") -> ChannelStatus:
        (model,) = self.operator.status().models
        return next(channel for channel in model.channels if channel.name == name)

    def _stop(self) -> float:
        self.drained += 1
        return 30.0


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    await desk.theatre.close()


async def test_promote_and_roll_back(desk: Desk) -> None:
    first = desk.theatre.publish("serve", 1)
    await until(desk.theatre.serves(first))
    with pytest.raises(InvalidRequestError, match="promote the version that you want"):
        await desk.operator.rollback("model", RollbackRequest())
    second = publish(desk.theatre.repository, desk.theatre.folder, "serve", take=2, channel="incoming")
    moved = await desk.operator.promote("model", PromoteRequest(version=second.version))
    assert (moved.channel, moved.version, moved.generation) == ("stable", second.version, 2)
    await until(desk.theatre.serves(second))
    assert desk.channel().previous == first.version
    moved = await desk.operator.rollback("model", RollbackRequest(channel="stable"))
    assert (moved.version, moved.generation) == (first.version, 3)
    await until(desk.theatre.serves(first))
    assert desk.channel().previous == ""


async def test_the_way_back_outlives_the_service(desk: Desk, tmp_path: Path) -> None:
    first = desk.theatre.publish("serve", 1)
    await until(desk.theatre.serves(first))
    desk.theatre.publish("reject", 2)
    await until(desk.theatre.rejected)
    third = desk.theatre.publish("serve", 3)
    await until(desk.theatre.serves(third))
    notes = desk.theatre.repository
    await until(lambda: notes.read_served("model", "stable").versions == (first.version, third.version))
    await desk.theatre.close()
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / "models").symlink_to(tmp_path / "models")
    again = Desk(tmp_path / "again")
    try:
        await until(again.theatre.serves(third))
        moved = await again.operator.rollback("model", RollbackRequest())
        assert moved.version == first.version
        await until(again.theatre.serves(first))
    finally:
        await again.theatre.close()


async def test_a_rejected_version_is_rolled_back_to_what_serves(desk: Desk) -> None:
    first = desk.theatre.publish("serve", 1)
    await until(desk.theatre.serves(first))
    bad = desk.theatre.publish("reject", 2)
    await until(desk.theatre.rejected)
    status = desk.channel()
    assert (status.points_at, status.serving) == (bad.version, first.version)
    moved = await desk.operator.rollback("model", RollbackRequest())
    assert moved.version == first.version
    (model,) = desk.operator.status().models
    assert [(r.version, r.stage, r.reason) for r in model.rejected] == [(bad.version, "golden", "as told")]


async def test_the_status_names_every_process(desk: Desk) -> None:
    first = desk.theatre.publish("serve", 1)
    await until(desk.theatre.serves(first))
    second = desk.theatre.publish("slow", 2)
    await until(lambda: desk.theatre.fleet.candidate)
    await until(desk.theatre.serves(second))
    (model,) = desk.operator.status().models
    states = {version.version: version.state for version in model.versions}
    assert states == {second.version: "serving", first.version: "draining"}
    workers = [worker for version in model.versions for worker in version.workers]
    assert len({worker.pid for worker in workers}) == 4
    assert all((worker.streams, worker.jobs) == (0, 0) for worker in workers)


async def test_a_canary_follows_a_channel_that_was_not_watched(desk: Desk) -> None:
    first = desk.theatre.publish("serve", 1)
    await until(desk.theatre.serves(first))
    second = publish(desk.theatre.repository, desk.theatre.folder, "serve", take=2, channel="incoming")
    status = await desk.operator.canary("model", CanaryRequest(version=second.version, weight=0.25))
    assert (status.canary.channel, status.canary.weight) == ("canary", 0.25)
    await until(lambda: desk.theatre.fleet.routes()["canary"] == {"version": second.version, "weight": 0.25})
    assert desk.channel("canary").serving == second.version
    await desk.operator.canary("model", CanaryRequest(weight=0))
    assert desk.theatre.fleet.routes()["canary"] is None
    with pytest.raises(InvalidRequestError, match="name another channel"):
        await desk.operator.canary("model", CanaryRequest(channel="stable", weight=0.5))
    with pytest.raises(NotFoundError, match="no channel 'nightly'"):
        await desk.operator.canary("model", CanaryRequest(channel="nightly", weight=0.5))


async def test_what_does_not_exist_is_named(desk: Desk) -> None:
    first = desk.theatre.publish("serve", 1)
    await until(desk.theatre.serves(first))
    with pytest.raises(NotFoundError, match="other is not served; there is: model"):
        await desk.operator.check("other")
    with pytest.raises(NotFoundError, match="no version '9-0123456789ab'"):
        await desk.operator.promote("model", PromoteRequest(version="9-0123456789ab"))
    with pytest.raises(InvalidRequestError, match="channel nightly of model is not served"):
        await desk.operator.promote("model", PromoteRequest(version=first.version, channel="nightly"))
    with pytest.raises(InvalidRequestError, match="is no channel name"):
        await desk.operator.canary("model", CanaryRequest(channel="No!", version=first.version, weight=1))


async def test_drain_ends_the_service_and_is_told(desk: Desk) -> None:
    assert desk.operator.drain().grace_seconds == 30
    assert desk.operator.status().draining
    assert desk.drained == 1
