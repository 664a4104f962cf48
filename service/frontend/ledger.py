"""The accounts of all callers, in memory that the front ends of a service share."""

import fcntl
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager

from codec.errors import ConfigError
from service.config import SharedLedger
from service.frontend.account import Account, Cell, Figure

MAX_CALLERS = 1 << 14
_CELL_BYTES = 8
_FIGURES = 4
_NOW_FIGURES = 2
"""The first ones are of what goes on now; they end with the process, the others go on."""


class Ledger:
    """A table with a row for every caller: 8 bytes of the digest, and the figures of each front end in turn.

    Rows are given out under a lock and never taken back; after that every front end writes only its own
    cells, which are single words, so that nobody waits for anybody. Whoever opens the place of a dead front
    end closes what that had open. Raises `OSError` if the file cannot be mapped.
    """

    def __init__(self, shared: SharedLedger, places: int) -> None:
        self._place = shared.place
        self._places = places
        self._width = 1 + places * _FIGURES
        size = MAX_CALLERS * self._width * _CELL_BYTES
        self._file = os.open(shared.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with self._locked():
            os.ftruncate(self._file, size)
        shared_bytes = memoryview(mmap.mmap(self._file, size))
        self._tags = shared_bytes.cast("Q")
        self._cells = shared_bytes.cast("d")
        for row in range(MAX_CALLERS):
            if self._tags[row * self._width]:
                for figure in range(_NOW_FIGURES):
                    self._cell(row, self._place, figure)[0] = 0.0

    def account(self, digest: bytes) -> Account:
        """The account of the caller with this digest; raises `ConfigError` if there are too many."""
        row = self._row(int.from_bytes(digest[:_CELL_BYTES]) or 1)
        return Account(*(self._figure(row, number) for number in range(_FIGURES)))

    def _row(self, tag: int) -> int:
        with self._locked():
            for step in range(MAX_CALLERS):
                row = (tag + step) % MAX_CALLERS
                at = row * self._width
                if self._tags[at] in (0, tag):
                    self._tags[at] = tag
                    return row
        raise ConfigError(
            f"more than {MAX_CALLERS} keys have come since the service started; restart it to forget old ones"
        )

    def _figure(self, row: int, number: int) -> Figure:
        others = [self._cell(row, place, number) for place in range(self._places) if place != self._place]
        return Figure(self._cell(row, self._place, number), others)

    def _cell(self, row: int, place: int, figure: int) -> Cell:
        at = row * self._width + 1 + place * _FIGURES + figure
        return self._cells[at : at + 1]

    @contextmanager
    def _locked(self) -> Iterator[None]:
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)
