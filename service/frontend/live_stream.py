"""One live stream between a client and a worker: window, order, time-outs. Knows no transport."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator

from service.frontend.live_events import (
    AT_ZERO,
    Codes,
    Data,
    Event,
    Flushed,
    Given,
    GoAway,
    Start,
    StreamLimits,
)
from service.frontend.mailbox import Mailbox
from service.frontend.router import Router
from service.frontend.worker_link import WorkerLink, failure
from service.ipc import Kind, Message, Operation
from service.model_info import ModelInfo
from service.request_context import CALLER
from service.samples import SampleForm
from service.status import Condition, ServiceError

_NOTHING_CONSUMED = 0xFFFF_FFFF
_MAX_FLUSHES = 16


class LiveStream:
    """A stream on a worker's slot.

    The transport calls `send`, `flush` and `finish` as messages come and iterates over `events`. Input
    counts against the window until the output made of it has been taken from `events` and the next one is
    asked for: a client that does not read is thereby not read from, and its slot is not stepped. `form`: of
    samples that come out.
    """

    def __init__(
        self,
        operation: Operation,
        info: ModelInfo,
        n_q: int,
        limits: StreamLimits,
        start: Start = AT_ZERO,
        form: SampleForm = SampleForm.F32,
    ) -> None:
        self.info = info
        self.n_q = n_q
        self.items_in = 0
        self.items_out = 0
        self._operation = operation
        self._limits = limits
        self._form = form
        self._prime = start.prime
        # Both are of the first segment only.
        self._shift, self._hidden = _numbering(operation, info, start)
        rate = info.sample_rate
        self._items_per_second = rate if operation is Operation.ENCODE else rate / info.hop_samples
        self._window_items = limits.window_seconds * self._items_per_second
        self._link: WorkerLink | None = None
        self._session = 0
        self._sequence = 0
        self._outstanding: deque[tuple[int, int]] = deque()
        self._outstanding_items = 0
        self._room: asyncio.Future[None] | None = None
        self._events = Mailbox[Message | Codes | GoAway | ServiceError]()
        self._flush_ids: deque[int | None] = deque()
        self._heard_at = time.monotonic()
        self._handed_out_at: float | None = None

    @property
    def seconds_in(self) -> float:
        """Audio that the client has sent, coded or not."""
        return self.items_in / self._items_per_second

    @property
    def workers(self) -> tuple[str, ...]:
        """Ids of the workers that the stream lives on."""
        return () if self._link is None else (self._link.worker_id,)

    @property
    def prime_frames(self) -> int | None:
        """How long a prime has to be for a stream that goes on where this one ends; None: none is enough."""
        return self.info.prime_frames(self._operation)

    @property
    def is_busy(self) -> bool:
        """Whether it is the service, not the client, that has something to do."""
        return bool(self._outstanding) or None in self._flush_ids

    async def open(self, router: Router) -> None:
        """Get a slot and prime it. Raises the `ServiceError` of a worker that has none, or UNAVAILABLE."""
        self._link = router.pick(self.info, stream=True)
        self._session = self._link.open_stream(
            self._operation, self.n_q, self._events.put, CALLER.get(), self._form
        )
        event = await self._events.take()
        if not isinstance(event, Message) or event.kind is not Kind.OPENED:
            raise _error_of(event)
        for given in self._prime:
            self._put(given)

    async def send(self, given: Given) -> None:
        """Send input, and wait while the window is full."""
        self._heard_at = time.monotonic()
        self.n_q = given.n_q
        self.items_in += given.items
        self._put(given)
        if self._is_full():
            await self._wait_for_room()

    async def flush(self, flush_id: int) -> None:
        """End the segment; `Flushed(flush_id)` comes after its output. Waits while many are under way."""
        self.heard()
        self._flush(flush_id)
        if self._is_full():
            await self._wait_for_room()

    def finish(self) -> None:
        """No more input: `events` ends after the rest of the output."""
        self._flush(None)

    def heard(self) -> None:
        """The client has said something."""
        self._heard_at = time.monotonic()

    def relay(self, codes: Codes) -> None:
        """Put codes of the other half in line."""
        self._events.put(codes)

    def go_away(self, reason: str, deadline_seconds: float) -> None:
        """Ask the client to end the stream."""
        self._events.put(GoAway(reason, deadline_seconds))

    def fail(self, error: ServiceError) -> None:
        """End the stream with an error: `events` raises it."""
        self._events.put(error)

    def close(self) -> None:
        """Give the slot back; harmless at any time."""
        if self._link is not None:
            self._link.close_stream(self._session)

    def overdue(self, now: float) -> ServiceError | None:
        """What is to be said to a client that has been silent, or has not read, for too long."""
        return self.unread(now) or (None if self.is_busy else self.silent(now))

    def unread(self, now: float) -> ServiceError | None:
        """What is to be said to a client that has not read for too long."""
        seconds = self._limits.slow_reader_seconds
        if self._handed_out_at is None or now - self._handed_out_at <= seconds:
            return None
        return ServiceError(Condition.SLOW_CONSUMER, f"output was not read for {seconds:g} s; read faster")

    def silent(self, now: float) -> ServiceError | None:
        """What is to be said to a client that has been silent for too long."""
        seconds = self._limits.idle_seconds
        if now - self._heard_at <= seconds:
            return None
        message = f"nothing was sent for {seconds:g} s; send KeepAlive to hold a stream"
        return ServiceError(Condition.DEADLINE_EXCEEDED, message)

    async def events(self) -> AsyncIterator[Event]:
        """What the client is to be told, in order; ends after `finish`. Raises `ServiceError`."""
        while True:
            event = await self._events.take()
            if isinstance(event, Message) and event.kind is Kind.DATA:
                if event.payload and (data := self._data(event)) is not None:
                    self._handed_out_at = time.monotonic()
                    yield data
                    self._handed_out_at = None
                self._settle(event.sequence)
            elif isinstance(event, GoAway | Codes):
                self._handed_out_at = time.monotonic()
                yield event
                self._handed_out_at = None
            elif isinstance(event, Message) and event.kind is Kind.FLUSHED:
                self._shift = self._hidden = 0
                if (flush_id := self._flush_ids.popleft()) is None:
                    return
                yield Flushed(flush_id)
                self._make_room()
            else:
                raise _error_of(event)

    def _data(self, message: Message) -> Data | None:
        is_codes = self._operation is Operation.ENCODE
        item_bytes = 2 * message.n_q if is_codes else self._form.sample_bytes * self.info.channels
        data: Data | None = Data(message.value + self._shift, message.n_q, bytes(message.payload))
        if self._hidden and data is not None:
            data = data.part(item_bytes, self._hidden)
        if data is not None:
            self.items_out += len(data.payload) // item_bytes
        return data

    def _put(self, given: Given) -> None:
        payload, items, n_q, form = given
        self._outstanding.append((self._sequence, items))
        self._outstanding_items += items
        self._send(Message(Kind.DATA, self._session, 0, n_q, self._sequence, payload=payload, form=form))
        self._sequence += 1

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

    def _is_full(self) -> bool:
        return self._outstanding_items > self._window_items or len(self._flush_ids) > _MAX_FLUSHES

    async def _wait_for_room(self) -> None:
        if self._link is not None:
            self._link.stalls += 1
        while self._is_full():
            self._room = asyncio.get_running_loop().create_future()
            await self._room
            self.heard()

    def _flush(self, flush_id: int | None) -> None:
        self._flush_ids.append(flush_id)
        self._send(Message(Kind.FLUSH, self._session, sequence=len(self._flush_ids)))

    def _send(self, message: Message) -> None:
        if self._link is not None:
            self._link.send(message)


def _numbering(operation: Operation, info: ModelInfo, start: Start) -> tuple[int, int]:
    """What is to be added to the worker's numbers, and the first number that is told."""
    shift = start.first_frame - start.hidden_frames
    if operation is Operation.ENCODE:
        return shift, start.first_frame if start.hidden_frames else 0
    hop = info.hop_samples
    return shift * hop, start.first_frame * hop - info.delay_samples if start.hidden_frames else 0


def _error_of(event: Message | Codes | GoAway | ServiceError) -> ServiceError:
    if isinstance(event, ServiceError):
        return event
    if isinstance(event, Message) and event.kind is Kind.FAILED:
        return failure(event)
    return ServiceError(Condition.INTERNAL, "the worker does not keep to the protocol; report this")
