"""Processes of one machine: any of them may be killed, and the shards come out the same."""

import os
import resource
import signal
import threading
import time
from pathlib import Path

import psutil
import pytest

from codec.bulk.items import Item, find_items
from codec.bulk.job import Task, shards_of
from codec.bulk.local import MAX_DEATHS, run_local
from codec.bulk.maker import ShardMaker
from codec.bulk.shard import Shard
from codec.bulk.worker import Done, Heard
from codec.errors import CodecError
from codec.repository import VersionPath
from tests.codec.bulk.corpus import content, task_of
from tests.codec.bulk.test_maker import Notes

pytestmark = [pytest.mark.usefixtures("single_thread"), pytest.mark.timeout(300)]


@pytest.fixture
def task(version: VersionPath, corpus: Path, tmp_path: Path) -> Task:
    return task_of(version, corpus, tmp_path / "out")


def alone(version: VersionPath, corpus: Path, folder: Path) -> dict[str, bytes]:
    """The shards as this process makes them."""
    task = task_of(version, corpus, folder)
    maker = ShardMaker(task)
    for shard in shards_of(find_items(corpus), task.settings):
        maker.make(shard, Notes(), {})
    return content(folder)


def workers() -> list[psutil.Process]:
    """The processes that this one started and that make shards."""
    found = []
    for child in psutil.Process().children():
        try:
            if "spawn_main" in " ".join(child.cmdline()):
                found.append(child)
        except psutil.NoSuchProcess:  # it has just ended; zombies count as well
            continue
    return found


def kill_readers(pipe: Path, count: int) -> None:
    """Kill the worker that opens the pipe, so many times."""
    for _ in range(count):
        while (descriptor := open_if_read(pipe)) is None:
            time.sleep(0.01)
        (worker,) = workers()
        os.kill(worker.pid, signal.SIGKILL)
        os.close(descriptor)
        while psutil.pid_exists(worker.pid):
            time.sleep(0.01)


def open_if_read(pipe: Path) -> int | None:
    """The writing end, if somebody reads."""
    try:
        return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return None


def test_a_killed_process_is_replaced_and_nothing_differs(
    version: VersionPath, corpus: Path, task: Task, tmp_path: Path
) -> None:
    heard: list[Heard] = []
    done: list[Done] = []

    def report(message: Heard | Done) -> None:
        if isinstance(message, Heard):
            heard.append(message)
            return
        done.append(message)
        if len(done) <= 2:
            os.kill(workers()[0].pid, signal.SIGKILL)

    run_local(task, shards_of(find_items(corpus), task.settings), 2, report)
    assert not workers()
    assert content(task.folder) == alone(version, corpus, tmp_path / "alone")
    assert sorted(message.record.file for message in done) == [f"shard-00000{n}.tar" for n in range(3)]
    assert sum(message.items for message in heard) == 7
    assert sum(m.samples for m in heard) == sum(m.record.n_samples for m in done)


@pytest.mark.slow
def test_an_item_that_kills_its_process_fails_and_the_rest_goes_on(
    corpus: Path, task: Task, tmp_path: Path
) -> None:
    pipe = tmp_path / "deadly.wav"
    os.mkfifo(pipe)
    good = find_items(corpus)
    items = (good[0], Item("part0/deadly", str(pipe)), *good[1:2])
    done: list[Done] = []

    def report(message: Heard | Done) -> None:
        done.extend([message] if isinstance(message, Done) else [])

    killer = threading.Thread(target=kill_readers, args=(pipe, MAX_DEATHS))
    killer.start()
    run_local(task, [Shard(0, "tar", items)], 1, report)
    killer.join()
    (record,) = (message.record for message in done)
    assert record.items == 2
    (failure,) = record.failures
    assert failure.error == f"{MAX_DEATHS} processes ended over it (SIGKILL)"


def test_a_full_disk_ends_the_job_with_the_reason(corpus: Path, task: Task) -> None:
    shards = shards_of(find_items(corpus), task.settings)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # A file that may not grow further gives a Python program an error, as a full disk does.
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, hard))
    try:
        with pytest.raises(CodecError, match=r"cannot be written .*make room, then run the same"):
            run_local(task, shards, 1, lambda _: None)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not workers()
    assert content(task.folder) == {}


def test_a_model_that_cannot_be_read_ends_the_job(corpus: Path, task: Task, tmp_path: Path) -> None:
    broken = Task(tmp_path / "nowhere", task.folder, task.settings)
    with pytest.raises(CodecError, match="has no manifest"):
        run_local(broken, shards_of(find_items(corpus), task.settings), 2, lambda _: None)
    assert not workers()
