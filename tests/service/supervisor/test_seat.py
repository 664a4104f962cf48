"""A seat is never empty for long, until it is given up."""

from pathlib import Path

from service.supervisor.seat import Rejection, Seat
from tests.service.supervisor.stage import children, plan, until


async def make(folder: Path, behaviour: str) -> Seat:
    (folder / "behaviour").write_text(behaviour)
    return Seat(plan(folder, folder), changed=lambda: None)


async def test_a_dead_worker_is_replaced_by_one_of_another_name(tmp_path: Path) -> None:
    seat = await make(tmp_path, "serve")
    await until(lambda: seat.worker)
    first = seat.worker
    seat.kill()
    await until(lambda: not seat.worker, 1.0)
    await until(lambda: seat.worker)
    second = seat.worker
    assert len({worker.socket for worker in (first, second) if worker}) == 2
    assert len({worker.id for worker in (first, second) if worker}) == 2
    await seat.stop()
    assert seat.is_over


async def test_a_worker_that_hangs_is_replaced(tmp_path: Path) -> None:
    seat = await make(tmp_path, "hang")
    await until(lambda: seat.worker)
    first = seat.worker
    waited = await until(lambda: seat.worker not in (first, None))
    assert waited > 1.0, "it had said that it would speak up within a second"
    await seat.stop()


async def test_a_rejection_is_kept_until_a_later_worker_accepts(tmp_path: Path) -> None:
    seat = await make(tmp_path, "reject")
    await until(lambda: seat.rejection)
    refused = seat.rejection
    assert refused == Rejection("golden", "as told")
    (tmp_path / "behaviour").write_text("serve")
    await until(lambda: seat.worker)
    assert seat.rejection is None
    await seat.stop()


async def test_starts_that_fail_are_counted(tmp_path: Path) -> None:
    seat = await make(tmp_path, "crash")
    await until(lambda: seat.failed_starts == 2)
    assert seat.last_failure == "status 7"
    await seat.stop()
    assert seat.is_over


async def test_stopping_a_seat_whose_process_only_just_starts_leaves_nothing(tmp_path: Path) -> None:
    before = children()
    seat = await make(tmp_path, "serve")
    await seat.stop()
    assert seat.is_over
    assert children() <= before
