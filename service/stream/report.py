"""How a stream goes: counts, lateness and bitrate, on standard error."""

import sys
import time
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

_PROGRESS_SECONDS = 1.0


class Report:
    """Follows one stream; `sample_rate` and `hop_samples` are the model's.

    Lateness of output: how long after the input that completes it was there, in the hands of this program.
    """

    def __init__(
        self,
        name: str,
        sample_rate: int,
        hop_samples: int,
        *,
        verbose: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.items_in = 0
        self._name = name
        self._sample_rate = sample_rate
        self._hop_samples = hop_samples
        self._verbose = verbose
        self._clock = clock
        self._started = self._told = clock()
        self._there: deque[tuple[int, float]] = deque([(0, self._started)])
        self._late = array("d")
        self._frames = 0
        self._bits = 0

    def watch(self, pieces: Iterable[Any]) -> Iterator[Any]:
        """The pieces, whose last axis counts items, and when they came."""
        for piece in pieces:
            self.items_in += piece.shape[-1]
            self._there.append((self.items_in, self._clock()))
            yield piece

    def coded(self, frames: int, bits_per_frame: int) -> None:
        """So many frames more were made or taken."""
        self._frames += frames
        self._bits += frames * bits_per_frame

    def came(self, items_needed: int) -> None:
        """Output has come that needed so many items of input, or all that there was."""
        while len(self._there) > 1 and self._there[0][0] < items_needed:
            self._there.popleft()
        now = self._clock()
        self._late.append(now - self._there[0][1])
        if self._verbose and now - self._told >= _PROGRESS_SECONDS:
            self._told = now
            print(f"codecd: {self.line()}", file=sys.stderr, flush=True)

    def line(self) -> str:
        """All of it for people."""
        seconds = self._frames * self._hop_samples / self._sample_rate
        parts = [
            f"{self._name}: {self._frames} frames, {seconds:.2f} s in {self._clock() - self._started:.2f} s"
        ]
        if self._late:
            p50, p99 = 1000 * np.quantile(np.asarray(self._late), [0.5, 0.99], method="higher")
            parts.append(f"lateness p50 {p50:.0f} ms, p99 {p99:.0f} ms")
        if seconds:
            parts.append(f"{self._bits / seconds / 1000:.2f} kbit/s")
        return "; ".join(parts)
