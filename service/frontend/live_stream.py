"""One live stream between a client and a worker: window, order, time-outs. Knows no transport."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass

from service.frontend.worker_link import WorkerLink, failure
from service.ipc import Kind, Message, Operation
from service.model_info import ModelInfo
from service.status import Condition, ServiceError

_NOTHING_CONSUMED = 0xFFFF_FFFF
_MAX_FLUSHES = 16


@dataclass(frozen=True, slots=True)
class Data:
    """Output of the codec: codes or samples; `first` counts frames or samples from the last flush."""

    first: int
    n_q: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Flushed:
    """All output of what came before the client's flush of this id has been handed out."""

    id: int


@dataclass(frozen=True, slots=True)
class GoAway:
    """The service wants the stream to end within the time."""

    reason: str
    deadline_seconds: float


Event = Data | Flushed | GoAway


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """`window_seconds`: audio that may be unprocessed or unread; `slow_reader_seconds`: how long the client
    may leave output lying; `idle_seconds`: how long it may say nothing."""

    window_seconds: float
    slow_reader_seconds: float
    idle_seconds: float


class LiveStream:
    """A stream on a worker's slot.

    The transport calls `send`, `flush` and `finish` as messages come and iterates over `events`. Input
    counts against the window until the output made of it has been taken from `events` and the next one is
    asked for: a client that does not read is thereby not read from, and its slot is not stepped.
    """

    def __init__(self, operation: Operation, info: ModelInfo, n_q: int, limits: StreamLimits) -> None:
        self.info = info
        self.n_q = n_q
        self.items_in = 0
        self.items_out = 0
        self._operation = operation
        self._limits = limits
        self._window_items = limits.window_seconds * self._items_per_second()
        self._link: WorkerLink | None = None
        self._session = 0
        self._sequence = 0
        self._outstanding: deque[tuple[int, int]] = deque()
        self._outstanding_items = 0
        self._room: asyncio.Future[None] | None = None
        self._events: asyncio.Queue[Message | GoAway | ServiceError] = asyncio.Queue()
        self._flush_ids: deque[int | None] = deque()
        self._heard_at = time.monotonic()
        self._handed_out_at: float | None = None

    async def open(self, link: WorkerLink) -> None:
        """Get a slot. Raises the `ServiceError` of a worker that has none, or UNAVAILABLE."""
        self._link = link
        self._session = link.open_stream(self._operation, self.n_q, self._events.put_nowait)
        event = await self._events.get()
        if isinstance(event, Message) and event.kind is Kind.OPENED:
            return
        raise _error_of(event)

    async def send(self, payload: bytes | memoryview, items: int, n_q: int) -> None:
        """Send input of so many samples or frames, and wait while the window is full."""
        self.heard()
        self.n_q = n_q
        self.items_in += items
        self._outstanding.append((self._sequence, items))
        self._outstanding_items += items
        self._send(Message(Kind.DATA, self._session, 0, n_q, self._sequence, payload=payload))
        self._sequence += 1
        await self._wait_for_room()

    async def flush(self, flush_id: int) -> None:
        """End the segment; `Flushed(flush_id)` comes after its output. Waits while many are under way."""
        self.heard()
        self._flush(flush_id)
        await self._wait_for_room()

    def finish(self) -> None:
        """No more input: `events` ends after the rest of the output."""
        self._flush(None)

    def heard(self) -> None:
        """The client has said something."""
        self._heard_at = time.monotonic()

    def go_away(self, reason: str, deadline_seconds: float) -> None:
        """Ask the client to end the stream."""
        self._events.put_nowait(GoAway(reason, deadline_seconds))

    def fail(self, error: ServiceError) -> None:
        """End the stream with an error: `events` raises it."""
        self._events.put_nowait(error)

    def close(self) -> None:
        """Give the slot back; harmless at any time."""
        if self._link is not None:
            self._link.close_stream(self._session)

    def overdue(self, now: float) -> ServiceError | None:
        """What is to be said to a client that has been silent, or has not read, for too long."""
        limits = self._limits
        if self._handed_out_at is not None and now - self._handed_out_at > limits.slow_reader_seconds:
            message = f"output was not read for {limits.slow_reader_seconds:g} s; read faster"
            return ServiceError(Condition.SLOW_CONSUMER, message)
        waits = bool(self._outstanding) or None in self._flush_ids
        if not waits and now - self._heard_at > limits.idle_seconds:
            message = f"nothing was sent for {limits.idle_seconds:g} s; send KeepAlive to hold a stream"
            return ServiceError(Condition.DEADLINE_EXCEEDED, message)
        return None

    async def events(self) -> AsyncIterator[Event]:
        """What the client is to be told, in order; ends after `finish`. Raises `ServiceError`."""
        while True:
            event = await self._events.get()
            if isinstance(event, GoAway):
                yield event
            elif isinstance(event, ServiceError):
                raise event
            elif event.kind is Kind.DATA:
                if event.payload:
                    self._handed_out_at = time.monotonic()
                    yield self._data(event)
                    self._handed_out_at = None
                self._settle(event.sequence)
            elif event.kind is Kind.FLUSHED:
                if (flush_id := self._flush_ids.popleft()) is None:
                    return
                yield Flushed(flush_id)
                self._make_room()
            else:
                raise _error_of(event)

    def _data(self, message: Message) -> Data:
        item_bytes = 2 * message.n_q if self._operation is Operation.ENCODE else 4 * self.info.channels
        self.items_out += len(message.payload) // item_bytes
        return Data(message.value, message.n_q, bytes(message.payload))

    def _settle(self, sequence: int) -> None:
        """Free the window of everything up to an input that was consumed."""
        if sequence == _NOTHING_CONSUMED:
            return
        while self._outstanding and self._outstanding[0][0] <= sequence:
            self._outstanding_items -= self._outstanding.popleft()[1]
        self._make_room()

    def _make_room(self) -> None:
        if self._room is not None and not self._room.done():
            self._room.set_result(None)

    async def _wait_for_room(self) -> None:
        while self._outstanding_items > self._window_items or len(self._flush_ids) > _MAX_FLUSHES:
            self._room = asyncio.get_running_loop().create_future()
            await self._room
            self.heard()

    def _flush(self, flush_id: int | None) -> None:
        self._flush_ids.append(flush_id)
        self._send(Message(Kind.FLUSH, self._session, sequence=len(self._flush_ids)))

    def _send(self, message: Message) -> None:
        if self._link is not None:
            self._link.send(message)

    def _items_per_second(self) -> float:
        rate = self.info.sample_rate
        return rate if self._operation is Operation.ENCODE else rate / self.info.hop_samples


def _error_of(event: Message | GoAway | ServiceError) -> ServiceError:
    if isinstance(event, ServiceError):
        return event
    if isinstance(event, Message) and event.kind is Kind.FAILED:
        return failure(event)
    return ServiceError(Condition.INTERNAL, "the worker does not keep to the protocol; report this")
