"""A seat is never empty for long, until it is given up."""

import asyncio
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

from service.ipc import Kind, Message
from service.supervisor.seat import Rejection, Seat
from tests.service.supervisor.stage import children, plan, until
from tests.service.worker import item_worker
from tests.service.worker.item_bench import encode_job
from tests.service.worker.process import Peer


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


def ask(path: Path) -> Message:
    """The answer of a worker to a job on a whole item."""
    with Peer(path) as peer:
        peer.send(encode_job(1, 60))
        return peer.receive()


async def test_a_long_step_of_a_whole_item_is_waited_for_and_a_stopped_worker_is_not(tmp_path: Path) -> None:
    seat = Seat(replace(plan(tmp_path, tmp_path), module=item_worker.__name__), changed=lambda: None)
    await until(lambda: seat.worker)
    first = seat.worker
    assert first is not None
    asked = time.monotonic()
    answer = await asyncio.to_thread(ask, first.socket)
    assert answer.kind is Kind.RESULT
    assert time.monotonic() - asked > item_worker.SILENT_SECONDS + 1.0, "too long without an announcement"
    assert seat.worker is first
    os.kill(seat.pid, signal.SIGSTOP)
    await until(lambda: seat.worker not in (first, None))
    await seat.stop()


async def test_a_worker_that_stops_inside_a_step_of_a_whole_item_is_replaced(tmp_path: Path) -> None:
    seat = Seat(replace(plan(tmp_path, tmp_path), module=item_worker.__name__), changed=lambda: None)
    await until(lambda: seat.worker)
    first = seat.worker
    assert first is not None
    with Peer(first.socket) as peer:
        peer.send(encode_job(1, 60))
        await until((tmp_path / item_worker.RUNNING).exists)
        os.kill(seat.pid, signal.SIGSTOP)
        waited = await until(lambda: seat.worker not in (first, None))
    assert waited > item_worker.STEP_SECONDS, "it could not be told from one that works"
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
