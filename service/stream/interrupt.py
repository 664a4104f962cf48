"""Ctrl-C as the end of the input, so that what was begun is finished."""

import io
import os
import select
import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupt:
    """The first SIGINT or SIGTERM sets `event` and ends `stdin`; the second one does what it always does.

    Use it as a context manager, in the main thread.
    """

    def __init__(self) -> None:
        self.event = threading.Event()
        self._waking, self._wake = os.pipe()
        self._before: dict[signal.Signals, Any] = {}

    def stdin(self) -> io.BufferedReader:
        """Standard input, every byte as soon as it is there."""
        return io.BufferedReader(_Input(0, self._waking))

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._handle) for number in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()
        # A source that still waits in a thread gives up; the pipe stays open for it.
        self._end_input()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._restore()
        self._end_input()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _end_input(self) -> None:
        self.event.set()
        os.write(self._wake, b"\0")


class _Input(io.RawIOBase):
    """A descriptor that is at its end as soon as another one has something to read."""

    def __init__(self, source: int, ending: int) -> None:
        self._source = source
        self._ending = ending

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        ready, _, _ = select.select([self._source, self._ending], [], [])
        if self._ending in ready:
            return 0
        data = os.read(self._source, len(buffer))
        buffer[: len(data)] = data
        return len(data)
