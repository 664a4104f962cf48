"""A loop that is held up is seen to be late."""

import asyncio
import time

from service.frontend.loop_lag import watch_loop


def test_what_holds_the_loop_up_is_told() -> None:
    seen: list[float] = []

    async def hold_up() -> None:
        watching = asyncio.ensure_future(watch_loop(seen.append))
        while not seen:
            await asyncio.sleep(0.01)
        time.sleep(0.4)
        count = len(seen)
        while len(seen) == count:
            await asyncio.sleep(0.01)
        watching.cancel()

    asyncio.run(hold_up())
    assert max(seen) >= 0.3
    assert min(seen) >= 0.0
