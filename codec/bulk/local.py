"""Shards on one machine: processes with one thread each, replaced when they die."""

import multiprocessing
import signal
from collections import Counter, deque
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait
from typing import Any

from codec.bulk.job import Task
from codec.bulk.shard import Shard
from codec.bulk.worker import Begun, Done, Fatal, Heard, Ready, Report, run_worker
from codec.errors import CodecError
from codec.single_threaded import single_threaded

MAX_DEATHS = 3
"""How often processes may die over one item before it is left out, and how often while they start."""

_SPAWN = multiprocessing.get_context("spawn")


def run_local(task: Task, shards: Sequence[Shard], processes: int, report: Report) -> None:
    """Make all shards with so many processes at most; `report` hears of samples and finished shards.

    A shard whose process dies is made again by another. An item over which `MAX_DEATHS` died fails. Raises
    `CodecError` where shards cannot be written or processes do not start; the shards that are done stay.
    """
    pool = _Pool(task, deque(shards), report)
    with single_threaded():
        try:
            pool.run(min(processes, len(shards)))
        finally:
            pool.close()


class _Worker:
    """A process, the shard that it makes and the item that it is at; None: it is idle, or still starts."""

    def __init__(self, task: Task) -> None:
        self.connection, theirs = _SPAWN.Pipe()
        self.process = _SPAWN.Process(target=run_worker, args=(task, theirs), daemon=True)
        self.process.start()
        # The child holds the other end alone, so that its death is the end of the line.
        theirs.close()
        self.shard: Shard | None = None
        self.item: int | None = None
        self.heard = Heard(0, 0)

    def close(self) -> None:
        self.connection.close()
        self.process.terminate()
        self.process.join()
        self.process.close()


class _Pool:
    def __init__(self, task: Task, waiting: deque[Shard], report: Report) -> None:
        self._task = task
        self._waiting = waiting
        self._report = report
        self._workers: dict[Connection, _Worker] = {}
        self._deaths: Counter[str] = Counter()
        self._deadly: dict[str, str] = {}
        self._false_starts = 0

    def run(self, processes: int) -> None:
        for _ in range(processes):
            self._start()
        while self._workers:
            for connection in wait(list(self._workers)):
                assert isinstance(connection, Connection)
                worker = self._workers[connection]
                try:
                    message = connection.recv()
                except (EOFError, ConnectionResetError):
                    self._replace(worker)
                else:
                    self._heed(worker, message)

    def close(self) -> None:
        while self._workers:
            _, worker = self._workers.popitem()
            worker.close()

    def _start(self) -> None:
        worker = _Worker(self._task)
        self._workers[worker.connection] = worker

    def _heed(self, worker: _Worker, message: Any) -> None:
        match message:
            case Begun(item):
                worker.item = item
            case Fatal(reason):
                raise CodecError(reason)
            case Ready():
                self._false_starts = 0
                self._give(worker)
            case Heard(samples, items):
                worker.heard = Heard(worker.heard.samples + samples, worker.heard.items + items)
                self._report(message)
            case Done():
                self._report(message)
                self._give(worker)

    def _give(self, worker: _Worker) -> None:
        """The next shard, or the leave."""
        worker.shard, worker.item, worker.heard = None, None, Heard(0, 0)
        if not self._waiting:
            del self._workers[worker.connection]
            worker.close()
            return
        worker.shard = self._waiting.popleft()
        own = {item.id: self._deadly[item.id] for item in worker.shard.items if item.id in self._deadly}
        try:
            worker.connection.send((worker.shard, own))
        except (BrokenPipeError, ConnectionResetError):
            self._replace(worker)

    def _replace(self, worker: _Worker) -> None:
        """Another process for one that died; what it was at is made again."""
        del self._workers[worker.connection]
        worker.process.join()
        how = _how(worker.process.exitcode)
        worker.close()
        shard = worker.shard
        if shard is None:
            self._false_starts += 1
            if self._false_starts >= MAX_DEATHS:
                raise CodecError(f"processes end while they start ({how}); is there enough memory?")
        else:
            self._waiting.appendleft(shard)
            self._report(Heard(-worker.heard.samples, -worker.heard.items))
            if worker.item is not None:
                self._blame(shard.items[worker.item].id, how)
        self._start()

    def _blame(self, item_id: str, how: str) -> None:
        self._deaths[item_id] += 1
        if self._deaths[item_id] >= MAX_DEATHS:
            self._deadly[item_id] = f"{MAX_DEATHS} processes ended over it ({how})"


def _how(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return signal.Signals(-exit_code).name
    return f"exit status {exit_code}"
