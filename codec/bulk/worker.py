"""A worker process of a bulk job: takes shards from a connection until it is closed."""

import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection

from codec.bulk.job import Task
from codec.bulk.shard import ShardRecord
from codec.errors import CodecError

_HEARD_EVERY_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Ready:
    """The model is in memory."""


@dataclass(frozen=True, slots=True)
class Begun:
    """The item at this place of the shard is next."""

    item: int


@dataclass(frozen=True, slots=True)
class Heard:
    """So many more samples and items have been dealt with; fewer where a shard has to be made again."""

    samples: int
    items: int


@dataclass(frozen=True, slots=True)
class Done:
    """The shard is on the disk, and so is its record."""

    record: ShardRecord


@dataclass(frozen=True, slots=True)
class Fatal:
    """The job cannot go on."""

    reason: str


Report = Callable[[Heard | Done], object]
"""Hears how the job gets on."""


def run_worker(task: Task, connection: Connection) -> None:
    """Make shards and tell of them; ends when the other side is gone."""
    # The process that started this one gets the interrupt as well, and ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Imported here: torch takes seconds and memory, and the process that starts this one needs none of it.
    from codec.bulk.maker import ShardMaker

    try:
        maker = ShardMaker(task)
        _send(connection, Ready())
        while True:
            shard, deadly = connection.recv()
            teller = _Teller(connection)
            record = maker.make(shard, teller, deadly)
            teller.tell(len(shard.items))
            _send(connection, Done(record))
    except (EOFError, ConnectionResetError):
        sys.exit(1)
    except CodecError as error:
        _send(connection, Fatal(str(error)))
    except OSError as error:
        reason = f"{task.folder} cannot be written ({error}); make room, then run the same command again"
        _send(connection, Fatal(reason))


def _send(connection: Connection, message: object) -> None:
    """Tell, or end the process if nobody listens: as an error it would look like one of the audio."""
    try:
        connection.send(message)
    except OSError:
        sys.exit(1)


class _Teller:
    """Tells of items as they begin, and of samples now and then."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._told = time.monotonic()
        self._samples = self._items = 0

    def item_begins(self, index: int) -> None:
        _send(self._connection, Begun(index))
        self._tell_at_times(index)

    def samples_done(self, samples: int) -> None:
        self._samples += samples
        self._tell_at_times(self._items)

    def _tell_at_times(self, items: int) -> None:
        if time.monotonic() - self._told >= _HEARD_EVERY_SECONDS:
            self.tell(items)

    def tell(self, items: int) -> None:
        """`items` of the shard are done by now."""
        _send(self._connection, Heard(self._samples, items - self._items))
        self._samples, self._items, self._told = 0, items, time.monotonic()
