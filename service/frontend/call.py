"""The life of one request: its deadline, and what to wake when it ends early."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

from service.frontend.quota import UNLIMITED, Quota
from service.status import Condition, ServiceError

T = TypeVar("T")


class Call:
    """One request in flight; use it as a context manager.

    Everything that a request waits for goes through `wait`, so that a passed deadline or a client that
    left (`fail`) ends it at once, wherever it is. `queue_us` and `run_us` add up what workers report.
    Workers give every `caller` the same share of their time, and to `bulk` work what nothing else needs;
    its audio counts against the `quota`.
    """

    def __init__(
        self, timeout_seconds: float, caller: str = "", quota: Quota = UNLIMITED, *, bulk: bool = False
    ) -> None:
        self.caller = caller
        self.quota = quota
        self.bulk = bulk
        self.started = time.monotonic()
        self.deadline_ns = int((self.started + timeout_seconds) * 1e9)
        self.queue_us = 0
        self.run_us = 0
        self._timeout_seconds = timeout_seconds
        self._waiting: asyncio.Future[Any] | None = None
        self._error: ServiceError | None = None
        self._timers: list[asyncio.TimerHandle] = []
        self._watch: asyncio.Task[None] | None = None

    @property
    def elapsed_seconds(self) -> float:
        """Time since the request began."""
        return time.monotonic() - self.started

    @property
    def remaining_seconds(self) -> float:
        """Time until the deadline; never negative."""
        return max(0.0, self.deadline_ns * 1e-9 - time.monotonic())

    async def wait(self, future: asyncio.Future[T]) -> T:
        """The result of `future`; raises the `ServiceError` that ended the call if that comes first."""
        if self._error is not None:
            future.cancel()
            raise self._error
        self._waiting = future
        try:
            return await future
        finally:
            self._waiting = None

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of a coroutine, which is cancelled and over with if the call ends first."""
        task = asyncio.ensure_future(work)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        task.add_done_callback(lambda _: None if done.done() else done.set_result(None))
        try:
            await self.wait(done)
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})
        return task.result()

    def fail(self, error: ServiceError) -> None:
        """End the call: what it waits for now, or would wait for next, raises `error`."""
        self._error = error
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error)

    def watch(self, client_left: Callable[[], Coroutine[Any, Any, None]], after_seconds: float) -> None:
        """End the call when the coroutine returns; it is started only for calls that last so long."""

        async def until_left() -> None:
            await client_left()
            self.fail(ServiceError(Condition.CANCELLED, "the client has left"))

        def start() -> None:
            self._watch = asyncio.ensure_future(until_left())

        self._timers.append(asyncio.get_running_loop().call_later(after_seconds, start))

    def __enter__(self) -> Self:
        timer = asyncio.get_running_loop().call_later(self._timeout_seconds, self._expire)
        self._timers.append(timer)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for timer in self._timers:
            timer.cancel()
        if self._watch is not None:
            self._watch.cancel()

    def _expire(self) -> None:
        message = f"no answer within {self._timeout_seconds:g} s; send less audio or allow more time"
        self.fail(ServiceError(Condition.DEADLINE_EXCEEDED, message))
