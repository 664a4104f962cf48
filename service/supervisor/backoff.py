"""Processes that die are started again, after a pause that grows."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from service.supervisor.child import describe_exit

_LOG = logging.getLogger(__name__)
_FIRST_SECONDS = 0.2
_LONGEST_SECONDS = 5.0
_STABLE_SECONDS = 30.0


class Backoff:
    """0.2 s, doubling to 5 s; a process that lived for 30 s starts over at 0.2 s."""

    def __init__(self) -> None:
        self._next_seconds = _FIRST_SECONDS

    def after(self, lived_seconds: float) -> float:
        """Seconds to wait after a process that lived so long."""
        if lived_seconds >= _STABLE_SECONDS:
            self._next_seconds = _FIRST_SECONDS
        delay = self._next_seconds
        self._next_seconds = min(_LONGEST_SECONDS, 2 * delay)
        return delay


async def keep_running(what: str, run_once: Callable[[], Awaitable[int]], retired: asyncio.Event) -> None:
    """Call `run_once`, which runs a process and gives its exit status, again and again until `retired`."""
    backoff = Backoff()
    while not retired.is_set():
        started = time.monotonic()
        status = await run_once()
        if retired.is_set():
            break
        delay = backoff.after(time.monotonic() - started)
        _LOG.warning("died", extra={"what": what, "exit": describe_exit(status), "restart_seconds": delay})
        waiting = asyncio.create_task(retired.wait())
        await asyncio.wait([waiting], timeout=delay)
        waiting.cancel()
