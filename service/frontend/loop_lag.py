"""How late the event loop of a front end runs what is due."""

import asyncio
import time
from collections.abc import Callable

_PERIOD_SECONDS = 0.1


async def watch_loop(observe: Callable[[float], None]) -> None:
    """Tell `observe` ten times a second by how many seconds the loop woke up late, until cancelled."""
    while True:
        due = time.monotonic() + _PERIOD_SECONDS
        await asyncio.sleep(_PERIOD_SECONDS)
        observe(max(0.0, time.monotonic() - due))
