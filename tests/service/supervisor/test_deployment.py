"""A version as a whole: complete, rejected, or on its way out."""

from dataclasses import replace
from pathlib import Path

import pytest

from service.supervisor import deployment as deployment_module
from service.supervisor.deployment import Deployment
from service.supervisor.seat import Rejection
from tests.service.supervisor.stage import plan, until


async def make(folder: Path, behaviour: str, workers: int = 2) -> Deployment:
    (folder / "behaviour").write_text(behaviour)
    return Deployment(plan(folder, folder, workers=workers), changed=lambda: None)


async def test_it_is_complete_when_every_seat_is_taken(tmp_path: Path) -> None:
    deployment = await make(tmp_path, "serve", workers=3)
    assert not deployment.is_complete
    await until(lambda: deployment.is_complete)
    assert len({worker.id for worker in deployment.workers}) == 3
    assert len({worker.pid for worker in deployment.workers}) == 3
    assert deployment.starting == []
    assert deployment.rejection is None
    deployment.retire()
    await deployment.stopped()
    assert deployment.is_over
    assert deployment.workers == []


def test_seats_take_the_devices_in_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    devices: list[str] = []
    monkeypatch.setattr(deployment_module, "Seat", lambda plan, changed: devices.append(plan.device))
    made = plan(tmp_path, tmp_path, workers=3)
    config = made.config.model_copy(update={"devices": ("cuda:0", "cuda:1")})
    Deployment(replace(made, config=config), changed=lambda: None)
    assert devices == ["cuda:0", "cuda:1", "cuda:0"]


async def test_one_rejection_is_the_rejection_of_all(tmp_path: Path) -> None:
    deployment = await make(tmp_path, "reject")
    await until(lambda: deployment.rejection)
    assert deployment.rejection == Rejection("golden", "as told")
    deployment.retire()
    await deployment.stopped()


async def test_workers_that_keep_dying_before_they_are_ready_are_a_rejection(tmp_path: Path) -> None:
    deployment = await make(tmp_path, "crash", workers=1)
    await until(lambda: deployment.rejection)
    assert deployment.rejection == Rejection("load", "3 workers ended before they were ready, with status 7")
    deployment.retire()
    await deployment.stopped()


async def test_workers_leave_one_by_one_and_are_not_replaced(tmp_path: Path) -> None:
    deployment = await make(tmp_path, "serve")
    await until(lambda: deployment.is_complete)
    first, second = deployment.workers
    deployment.retire_worker(first.id)
    await until(lambda: deployment.workers == [second])
    deployment.retire_vacant()
    deployment.retire_worker(second.id)
    await deployment.stopped()
    assert deployment.is_over


async def test_a_killed_deployment_is_gone(tmp_path: Path) -> None:
    deployment = await make(tmp_path, "stubborn")
    await until(lambda: deployment.is_complete)
    deployment.retire()
    deployment.kill()
    await deployment.stopped()
    assert deployment.is_over
