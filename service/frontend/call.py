"""The life of one request: its deadline, and what to wake when it ends early."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

from service.frontend.quota import UNLIMITED, Quota
from service.status import Condition, ServiceError

T = TypeVar("T")

# Most calls are over before it pays to watch for a client that leaves, or to time them exactly.
_SHORT_SECONDS = 0.02


class Call:
    """One request in flight; use it as a context manager.

    Everything that a request waits for goes through `wait`, so that a passed deadline or a client that
    left (`fail`) ends it at once, wherever it is. `queue_us` and `run_us` add up what workers report.
    Workers give every `caller` the same share of their time, and to `bulk` work what nothing else needs;
    its audio counts against the `quota`. `stage`: who has it now: `receive` (its body still comes), `audio`
    (files are read or written) or `worker`.
    """

    def __init__(
        self, timeout_seconds: float, caller: str = "", quota: Quota = UNLIMITED, *, bulk: bool = False
    ) -> None:
        self.caller = caller
        self.quota = quota
        self.bulk = bulk
        self.started = time.monotonic()
        self.queue_us = 0
        self.run_us = 0
        self.stage = "receive"
        self.allow(timeout_seconds)
        self._waiting: asyncio.Future[Any] | None = None
        self._receiver: asyncio.Task[Any] | None = None
        self._error: ServiceError | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_long = False
        self._client_left: Callable[[], Coroutine[Any, Any, None]] | None = None
        self._watch: asyncio.Task[None] | None = None

    @property
    def elapsed_seconds(self) -> float:
        """Time since the request began."""
        return time.monotonic() - self.started

    @property
    def remaining_seconds(self) -> float:
        """Time until the deadline; never negative."""
        return max(0.0, self.deadline_ns * 1e-9 - time.monotonic())

    def allow(self, timeout_seconds: float) -> None:
        """Set the deadline, before the call is entered."""
        self._timeout_seconds = timeout_seconds
        self.deadline_ns = int((self.started + timeout_seconds) * 1e9)

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

    async def receive(self, receiving: Awaitable[T], late: str) -> T:
        """The result of what this task itself waits for; raises DEADLINE_EXCEEDED in the words of `late`."""
        task = asyncio.current_task()
        assert task is not None
        self._receiver = task
        try:
            return await receiving
        except asyncio.CancelledError:
            # Whoever else cancels the task at the same time is heard as well.
            if self._error is not None and task.uncancel() == 0:
                raise ServiceError(Condition.DEADLINE_EXCEEDED, late) from None
            raise
        finally:
            self._receiver = None

    def fail(self, error: ServiceError) -> None:
        """End the call: what it waits for now, or would wait for next, raises `error`."""
        self._error = error
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error)

    def watch(self, client_left: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """End the call when the coroutine returns; it is started only for calls that are not short."""
        self._client_left = client_left
        if self._is_long:
            self._start_watch()

    def __enter__(self) -> Self:
        self._start_timer(min(_SHORT_SECONDS, self._timeout_seconds), self._outlast)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._watch is not None:
            self._watch.cancel()
            # The watch ends in an error whose frames lead back here; together they would be a cycle, and
            # thousands of those are a pause for everyone when the collector finds them.
            self._watch = None

    def _start_timer(self, seconds: float, end: Callable[[], None]) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, end)

    def _outlast(self) -> None:
        self._is_long = True
        self._start_timer(self.remaining_seconds, self._expire)
        self._start_watch()

    def _start_watch(self) -> None:
        if self._client_left is not None:
            self._watch = asyncio.ensure_future(self._until_left(self._client_left))

    async def _until_left(self, client_left: Callable[[], Coroutine[Any, Any, None]]) -> None:
        await client_left()
        self.fail(ServiceError(Condition.CANCELLED, "the client has left"))

    def _expire(self) -> None:
        message = f"no answer within {self._timeout_seconds:g} s; send less audio or allow more time"
        self.fail(ServiceError(Condition.DEADLINE_EXCEEDED, message))
        if self._receiver is not None:
            self._receiver.cancel()
            self._receiver = None
