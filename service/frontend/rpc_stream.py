"""Live streams over gRPC: one task reads the client, the handler writes to it."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from service.frontend.grpc_errors import abort, problem_of
from service.frontend.live_stream import LiveStream, StreamLimits
from service.frontend.metrics import Metrics
from service.frontend.router import Router
from service.frontend.stream_sides import StreamSide
from service.status import Condition, ServiceError

logger = logging.getLogger(__name__)

_SWEEP_SECONDS = 0.1
# Near the end of the grace period a stream is flushed for its client; the rest of its output has this
# long, and its status as long again.
_LAST_OUTPUT_SECONDS = 1.0
_LAST_OUTPUT_SHARE = 0.25
_GONE = "the service is going away; open the stream again, elsewhere if there is an elsewhere"


@dataclass(eq=False, slots=True)
class _Active:
    """A stream in service; `end` is what stopped the handler's task from outside."""

    stream: LiveStream
    task: asyncio.Task[Any]
    reader: asyncio.Task[None] | None = None
    worker_id: str = ""
    end: ServiceError | None = None
    flush_at: float | None = None
    abort_at: float | None = None
    is_cut: bool = False

    def cut(self) -> None:
        """Take no more input, unless the client has ended it already; what was sent is still answered."""
        if self.reader is not None and not self.reader.done() and not self.is_cut:
            self.is_cut = True
            self.reader.cancel()
            self.stream.finish()


class StreamServer:
    """Serves streams of both directions, watches over silent and unread ones, and drains them."""

    def __init__(self, router: Router, metrics: Metrics, limits: StreamLimits, message_bytes: int) -> None:
        self.refusing = False
        self._router = router
        self._metrics = metrics
        self._limits = limits
        self._message_bytes = message_bytes
        self._active: set[_Active] = set()

    def __len__(self) -> int:
        return len(self._active)

    async def serve(self, side: StreamSide, requests: AsyncIterator[Any], context: Any) -> None:
        """Serve one stream from Open to Summary; every way out gives the slot back."""
        condition: Condition | None = None
        counted = False
        try:
            requests = aiter(requests)
            active = await self._open(side, requests)
            self._metrics.stream_opened(side.name)
            counted = True
            await self._converse(active, side, requests, context)
        except Exception as error:
            problem = problem_of(error)
            condition = problem.condition
            self._metrics.refused(condition)
            await self._end(context, problem)
        except asyncio.CancelledError:
            condition = Condition.CANCELLED
            raise
        finally:
            if counted:
                self._metrics.stream_closed(side.name, condition)

    def go_away(self, reason: str, grace_seconds: float, worker_id: str | None = None) -> None:
        """Ask streams (of one worker, or all) to end; those that do not are ended after the grace."""
        last_output_seconds = min(_LAST_OUTPUT_SECONDS, _LAST_OUTPUT_SHARE * grace_seconds)
        abort_at = time.monotonic() + grace_seconds - last_output_seconds
        for active in self._active:
            if worker_id in (None, active.worker_id) and active.abort_at is None:
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
        error = active.stream.overdue(now)
        if active.flush_at is not None and now >= active.flush_at:
            # Its last output is flushed for it first, however late this look comes.
            active.flush_at = None
            active.cut()
        elif active.abort_at is not None and now >= active.abort_at:
            error = ServiceError(Condition.UNAVAILABLE, _GONE)
        if error is not None:
            active.end = error
            active.task.cancel()

    async def _open(self, side: StreamSide, requests: AsyncIterator[Any]) -> _Active:
        if self.refusing:
            raise ServiceError(Condition.UNAVAILABLE, _GONE)
        try:
            async with asyncio.timeout(self._limits.idle_seconds):
                first = await anext(requests, None)
        except TimeoutError as error:
            message = f"no Open within {self._limits.idle_seconds:g} s"
            raise ServiceError(Condition.DEADLINE_EXCEEDED, message) from error
        if first is None or first.WhichOneof("message") != "open":
            raise ServiceError(Condition.INVALID_ARGUMENT, "the first message must be Open")
        info, n_q = side.open(first.open, self._router)
        stream = LiveStream(side.operation, info, n_q, self._limits)
        link = self._router.pick(info, stream=True)
        task = asyncio.current_task()
        assert task is not None
        active = _Active(stream, task, worker_id=link.worker_id)
        try:
            await stream.open(link)
        except BaseException:
            stream.close()
            raise
        return active

    async def _converse(
        self, active: _Active, side: StreamSide, requests: AsyncIterator[Any], context: Any
    ) -> None:
        stream = active.stream
        self._active.add(active)
        try:
            await context.write(side.opened(stream))
            active.reader = asyncio.ensure_future(self._read(stream, side, requests))
            async for event in stream.events():
                await context.write(side.response(stream, event))
            await context.write(side.summary(stream))
            if active.is_cut:
                raise ServiceError(Condition.UNAVAILABLE, _GONE)
        except asyncio.CancelledError:
            if active.end is None:
                raise
            raise active.end from None
        finally:
            self._active.discard(active)
            stream.close()
            if active.reader is not None:
                active.reader.cancel()

    async def _read(self, stream: LiveStream, side: StreamSide, requests: AsyncIterator[Any]) -> None:
        """Feed what the client sends to the stream; what goes wrong comes out of the stream's events."""
        try:
            async for request in requests:
                await self._take(stream, side, request)
            stream.finish()
        except Exception as error:
            stream.fail(problem_of(error))

    async def _take(self, stream: LiveStream, side: StreamSide, request: Any) -> None:
        if request.ByteSize() > self._message_bytes:
            message = f"a message is larger than {self._message_bytes} bytes; send smaller ones"
            raise ServiceError(Condition.LIMIT_EXCEEDED, message)
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

    async def _end(self, context: Any, error: ServiceError) -> None:
        """Tell the client; one that does not read must not hold the RPC for ever."""
        try:
            async with asyncio.timeout(self._limits.slow_reader_seconds):
                await abort(context, error)
        except TimeoutError:
            logger.info("a client did not read that its stream ended: %s", error)
