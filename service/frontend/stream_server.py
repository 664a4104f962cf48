"""Live streams from Open to Summary, whatever carries them: one task reads the client, one writes to it."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from service.frontend.access import Caller, calling
from service.frontend.http_errors import problem_of
from service.frontend.live_events import StreamLimits
from service.frontend.metrics import Metrics, code_of
from service.frontend.router import Router
from service.frontend.spans import SPAN
from service.frontend.stream_sides import Stream, StreamSide
from service.status import Condition, ServiceError

_SWEEP_SECONDS = 0.1
# Near the end of the grace period a stream is flushed for its client; the rest of its output has this
# long, and its status as long again.
_LAST_OUTPUT_SECONDS = 1.0
_LAST_OUTPUT_SHARE = 0.25
_GONE = "the service is going away; open the stream again, elsewhere if there is an elsewhere"
_REVOKED = "the key has been withdrawn; ask the operator for another"


@dataclass(frozen=True, slots=True)
class Wire:
    """What a transport brings: `requests` end when the client has said all, `write` sends a response.

    Requests and responses are the oneof messages of `codec.v1`.
    """

    requests: AsyncIterator[Any]
    write: Callable[[Any], Awaitable[None]]


@dataclass(eq=False, slots=True)
class _Active:
    """A stream in service; `end` is what stopped the handler's task from outside."""

    stream: Stream
    task: asyncio.Task[Any]
    caller: Caller
    counted_seconds: float = field(default=0.0, init=False)
    is_held: bool = field(default=False, init=False)
    reader: asyncio.Task[None] | None = field(default=None, init=False)
    end: ServiceError | None = field(default=None, init=False)
    flush_at: float | None = field(default=None, init=False)
    abort_at: float | None = field(default=None, init=False)
    is_cut: bool = field(default=False, init=False)

    def count_audio(self) -> None:
        """Count what has come against the caller's quota, and hold a caller that is beyond it."""
        quota = self.caller.quota
        seconds = self.stream.seconds_in
        quota.heard(seconds - self.counted_seconds)
        self.counted_seconds = seconds
        self.is_held = quota.overdrawn
        if self.is_held:
            # It is not its silence that the service is waiting for.
            self.stream.heard()

    def cut(self) -> None:
        """Take no more input, unless the client has ended it already; what was sent is still answered."""
        if self.reader is not None and not self.reader.done() and not self.is_cut:
            self.is_cut = True
            self.reader.cancel()
            self.stream.finish()


class StreamServer:
    """Serves streams of all operations, watches over silent and unread ones, and drains them."""

    def __init__(self, router: Router, metrics: Metrics, limits: StreamLimits, message_bytes: int) -> None:
        self.refusing = False
        self.limits = limits
        self.message_bytes = message_bytes
        self._router = router
        self._metrics = metrics
        self._active: set[_Active] = set()

    def __len__(self) -> int:
        return len(self._active)

    async def serve(self, side: StreamSide, wire: Wire) -> None:
        """Serve one stream from Open to Summary; every way out gives the slot back.

        Raises `ServiceError`, which is for the transport to tell, unless the stream ends well.
        """
        condition: Condition | None = None
        opened_at = 0.0
        span = SPAN.get()
        audio_seconds = 0.0
        try:
            with calling().stream():
                active = await self._open(side, wire.requests)
                self._metrics.stream_opened(side.name)
                opened_at = time.monotonic()
                if span is not None:
                    span.served_by(active.stream.info)
                try:
                    await self._converse(active, side, wire)
                finally:
                    audio_seconds = active.stream.seconds_in
        except Exception as error:
            problem = problem_of(error)
            condition = problem.condition
            self._metrics.refused(condition)
            if problem is error:
                raise
            raise problem from error
        except asyncio.CancelledError:
            condition = Condition.CANCELLED
            raise
        finally:
            if opened_at:
                self._metrics.stream_closed(side.name, condition, time.monotonic() - opened_at)
            if span is not None:
                span.work_ended(side.name, "live", code_of(condition), audio_seconds)

    def refusal(self) -> ServiceError | None:
        """Why no stream could be opened now, whatever its Open says; None if one might be."""
        links = [link for link in self._router.links if link.info is not None and link.info.streamable]
        if self.refusing:
            return ServiceError(Condition.UNAVAILABLE, _GONE)
        if not links:
            return ServiceError(
                Condition.UNAVAILABLE, "no worker for streams is running; ask again in a moment"
            )
        if all(link.info is not None and link.streams >= link.info.slots for link in links):
            return ServiceError(
                Condition.OVERLOADED, "all places for live streams are taken; try again later"
            )
        return None

    def go_away(self, reason: str, grace_seconds: float, worker_id: str | None = None) -> None:
        """Ask streams (of one worker, or all) to end; those that do not are ended after the grace."""
        last_output_seconds = min(_LAST_OUTPUT_SECONDS, _LAST_OUTPUT_SHARE * grace_seconds)
        abort_at = time.monotonic() + grace_seconds - last_output_seconds
        for active in self._active:
            concerned = worker_id is None or worker_id in active.stream.workers
            if concerned and active.abort_at is None:
                active.abort_at = abort_at
                active.flush_at = abort_at - last_output_seconds
                active.stream.go_away(reason, grace_seconds)

    async def sweep(self) -> None:
        """Look after streams until cancelled."""
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            now = time.monotonic()
            for active in list(self._active):
                self._look_after(active, now)

    def _look_after(self, active: _Active, now: float) -> None:
        if active.end is not None:
            return
        active.count_audio()
        error = active.stream.overdue(now)
        if active.flush_at is not None and now >= active.flush_at:
            # Its last output is flushed for it first, however late this look comes.
            active.flush_at = None
            active.cut()
        elif active.abort_at is not None and now >= active.abort_at:
            error = ServiceError(Condition.UNAVAILABLE, _GONE)
        elif active.caller.is_revoked:
            error = ServiceError(Condition.UNAUTHENTICATED, _REVOKED)
        if error is not None:
            active.end = error
            active.task.cancel()

    async def _open(self, side: StreamSide, requests: AsyncIterator[Any]) -> _Active:
        if self.refusing:
            raise ServiceError(Condition.UNAVAILABLE, _GONE)
        try:
            async with asyncio.timeout(self.limits.idle_seconds):
                first = await anext(requests, None)
        except TimeoutError as error:
            message = f"no Open within {self.limits.idle_seconds:g} s"
            raise ServiceError(Condition.DEADLINE_EXCEEDED, message) from error
        if first is None or first.WhichOneof("message") != "open":
            raise ServiceError(Condition.INVALID_ARGUMENT, "the first message must be Open")
        self._check_size(first)
        stream: Stream = side.open(first.open, self._router, self.limits)
        task = asyncio.current_task()
        assert task is not None
        try:
            await stream.open(self._router)
        except BaseException:
            stream.close()
            raise
        return _Active(stream, task, calling())

    async def _converse(self, active: _Active, side: StreamSide, wire: Wire) -> None:
        stream, write = active.stream, wire.write
        self._active.add(active)
        try:
            await write(side.opened(stream))
            active.reader = asyncio.ensure_future(self._read(active, side, wire.requests))
            async for event in stream.events():
                await write(side.response(stream, event))
            await write(side.summary(stream))
            if active.is_cut:
                raise ServiceError(Condition.UNAVAILABLE, _GONE)
        except asyncio.CancelledError:
            if active.end is None:
                raise
            raise active.end from None
        finally:
            self._active.discard(active)
            active.count_audio()
            stream.close()
            if active.reader is not None:
                active.reader.cancel()

    async def _read(self, active: _Active, side: StreamSide, requests: AsyncIterator[Any]) -> None:
        """Feed what the client sends to the stream; what goes wrong comes out of the stream's events."""
        stream = active.stream
        try:
            async for request in requests:
                await self._take(stream, side, request)
                while active.is_held:
                    await asyncio.sleep(_SWEEP_SECONDS)
            stream.finish()
        except Exception as error:
            stream.fail(problem_of(error))

    async def _take(self, stream: Stream, side: StreamSide, request: Any) -> None:
        self._check_size(request)
        which = request.WhichOneof("message")
        if which in ("audio", "tokens"):
            await side.feed(stream, getattr(request, which))
        elif which == "flush":
            await stream.flush(request.flush.id)
        elif which == "keep_alive":
            stream.heard()
        else:
            what = "a second Open" if which == "open" else "an empty message"
            message = f"{what} came; after Open send data, Flush or KeepAlive"
            raise ServiceError(Condition.INVALID_ARGUMENT, message)

    def _check_size(self, request: Any) -> None:
        if request.ByteSize() > self.message_bytes:
            message = f"a message is larger than {self.message_bytes} bytes; send smaller ones"
            raise ServiceError(Condition.LIMIT_EXCEEDED, message)
