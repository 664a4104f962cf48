"""How far a bulk job is: a bar for a person at a terminal, a line now and then for a log."""

import sys
import time
from types import TracebackType
from typing import Self

from tqdm import tqdm

from codec.bulk.worker import Done, Heard

_LINE_EVERY_SECONDS = 60.0


class Progress:
    """Counts what `report` is told; `n_items`: left to do; `sample_rate`: of the model, in Hz.

    Use it as a context manager. `samples` counts those of finished shards.
    """

    def __init__(self, n_items: int, sample_rate: int) -> None:
        self.samples = 0
        self._heard = 0
        self._items = 0
        self._rate = sample_rate
        self._began = self._told = time.monotonic()
        # tqdm holds its bar back where standard error is no terminal; lines are written there.
        self._n_items = n_items
        self._bar = tqdm(total=n_items, desc="tokenizing", unit="file", disable=None)

    @property
    def seconds(self) -> float:
        """Time since the start."""
        return time.monotonic() - self._began

    def report(self, message: Heard | Done) -> None:
        """Take a message of a worker."""
        if isinstance(message, Done):
            self.samples += message.record.n_samples
            return
        self._heard += message.samples
        self._items += message.items
        self._bar.set_postfix_str(f"{self._speed():.1f} h/h", refresh=False)
        self._bar.update(message.items)
        if self._bar.disable and time.monotonic() - self._told >= _LINE_EVERY_SECONDS:
            self._told = time.monotonic()
            print(self.line(), file=sys.stderr, flush=True)

    def line(self) -> str:
        """Items, audio, speed in hours of audio per hour, and the time that is left."""
        total, hours = self._n_items, self._heard / self._rate / 3600
        left = self.seconds * (total - self._items) / self._items if self._items else None
        eta = "unknown" if left is None else tqdm.format_interval(left)
        speed = f"{self._speed():.1f} hours/hour"
        return f"codecd: {self._items} of {total} files, {hours:.2f} h of audio, {speed}, {eta} left"

    def _speed(self) -> float:
        return self._heard / self._rate / max(self.seconds, 1e-9)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()
