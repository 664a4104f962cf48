"""A worker process: what it tells, and that it ends with the one that started it."""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

from codec.bulk.items import find_items
from codec.bulk.job import Task, shards_of
from codec.bulk.worker import Begun, Done, Fatal, Heard, Ready, run_worker
from codec.repository import VersionPath
from tests.codec.bulk.corpus import task_of

SPAWN = multiprocessing.get_context("spawn")
PATIENCE_SECONDS = 90


@pytest.fixture
def task(version: VersionPath, corpus: Path, tmp_path: Path) -> Task:
    return task_of(version, corpus, tmp_path / "out")


@pytest.fixture
def worker(task: Task) -> Iterator[tuple[BaseProcess, Connection]]:
    ours, theirs = SPAWN.Pipe()
    process = SPAWN.Process(target=run_worker, args=(task, theirs), daemon=True)
    process.start()
    theirs.close()
    yield process, ours
    ours.close()
    process.kill()
    process.join()


def test_it_makes_shards_until_it_is_let_go(
    worker: tuple[BaseProcess, Connection], task: Task, corpus: Path
) -> None:
    process, connection = worker
    assert connection.poll(PATIENCE_SECONDS)
    assert connection.recv() == Ready()
    for shard in shards_of(find_items(corpus), task.settings)[:2]:
        connection.send((shard, {}))
        told: list[Any] = []
        while not told or not isinstance(told[-1], Done):
            assert connection.poll(PATIENCE_SECONDS)
            told.append(connection.recv())
        assert [message.item for message in told if isinstance(message, Begun)] == [0, 1, 2]
        heard = [message for message in told if isinstance(message, Heard)]
        record = told[-1].record
        assert record == shard.record(task.folder)
        assert sum(message.items for message in heard) == 3
        assert sum(message.samples for message in heard) == record.n_samples
    connection.close()
    process.join(PATIENCE_SECONDS)
    assert process.exitcode == 1


def test_it_leaves_no_shard_when_nobody_listens_any_more(
    worker: tuple[BaseProcess, Connection], task: Task, corpus: Path
) -> None:
    process, connection = worker
    assert connection.poll(PATIENCE_SECONDS)
    connection.recv()
    connection.send((shards_of(find_items(corpus), task.settings)[0], {}))
    connection.close()
    process.join(PATIENCE_SECONDS)
    assert process.exitcode == 1
    assert [path.name for path in task.folder.rglob("*")] == ["records"]


def test_an_interrupt_is_left_to_the_one_that_started_it(
    worker: tuple[BaseProcess, Connection], task: Task, corpus: Path
) -> None:
    process, connection = worker
    assert connection.poll(PATIENCE_SECONDS)
    connection.recv()
    assert process.pid is not None
    os.kill(process.pid, signal.SIGINT)
    connection.send((shards_of(find_items(corpus), task.settings)[0], {}))
    while not isinstance(message := connection.recv(), Done):
        assert not isinstance(message, Fatal)
    assert process.is_alive()
