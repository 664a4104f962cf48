"""Audio through the codec and back, live: a stream of codes that feeds a stream of audio."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import replace

from service.frontend.http_errors import problem_of
from service.frontend.live_events import AT_ZERO, Codes, Data, Event, Flushed, Given, Start, StreamLimits
from service.frontend.live_stream import LiveStream
from service.frontend.router import Router
from service.ipc import Operation
from service.model_info import ModelInfo
from service.samples import SampleForm
from service.status import ServiceError


class Reconstruction:
    """A `LiveStream` that encodes and one that decodes, on slots of the same version.

    Each half has half of the window: codes are taken from the encoder only while the decoder has room, so
    a client that does not read its audio is not read from either. What the decoder says beyond the end
    of a flushed segment is cut off: as many samples come out as went in.
    """

    def __init__(
        self,
        info: ModelInfo,
        n_q: int,
        limits: StreamLimits,
        start: Start = AT_ZERO,
        form: SampleForm = SampleForm.F32,
        *,
        tokens: bool = False,
    ) -> None:
        half = replace(limits, window_seconds=limits.window_seconds / 2)
        # The decoder must be primed with codes, so those of the prime are told to it and to nobody else.
        told = Start(start.first_frame - start.hidden_frames, start.prime)
        self._encoder = LiveStream(Operation.ENCODE, info, n_q, half, told)
        self._decoder = LiveStream(Operation.DECODE, info, n_q, half, replace(start, prime=()), form)
        self._item_bytes = form.sample_bytes * info.channels
        self._tokens = tokens
        self._first_frame = start.first_frame
        self._ends = deque([start.first_frame * info.hop_samples])
        self._feeding: asyncio.Task[None] | None = None
        self.info = info
        self.items_out = 0
        self.frames = 0

    @property
    def n_q(self) -> int:
        """Codebooks in use."""
        return self._encoder.n_q

    @property
    def seconds_in(self) -> float:
        """Audio that the client has sent."""
        return self._encoder.seconds_in

    @property
    def workers(self) -> tuple[str, ...]:
        """As in `LiveStream`; there may be two."""
        return self._encoder.workers + self._decoder.workers

    @property
    def prime_frames(self) -> int | None:
        """As in `LiveStream`: the decoder's prime has to be coded from a prime of its own."""
        halves = self._encoder.prime_frames, self._decoder.prime_frames
        return None if None in halves else sum(frames or 0 for frames in halves)

    async def open(self, router: Router) -> None:
        """Get two slots; raises as `LiveStream.open`."""
        await self._decoder.open(router)
        await self._encoder.open(router)
        self._feeding = asyncio.ensure_future(self._feed())

    async def send(self, given: Given) -> None:
        """As in `LiveStream`."""
        self._ends[-1] += given.items
        await self._encoder.send(given)

    async def flush(self, flush_id: int) -> None:
        """As in `LiveStream`; both halves end their segment."""
        self._ends.append(0)
        await self._encoder.flush(flush_id)

    def finish(self) -> None:
        """As in `LiveStream`."""
        self._encoder.finish()

    def heard(self) -> None:
        """As in `LiveStream`."""
        self._encoder.heard()

    def go_away(self, reason: str, deadline_seconds: float) -> None:
        """As in `LiveStream`."""
        self._decoder.go_away(reason, deadline_seconds)

    def fail(self, error: ServiceError) -> None:
        """As in `LiveStream`."""
        self._decoder.fail(error)

    def close(self) -> None:
        """Give both slots back; harmless at any time."""
        if self._feeding is not None:
            self._feeding.cancel()
        self._encoder.close()
        self._decoder.close()

    def overdue(self, now: float) -> ServiceError | None:
        """As in `LiveStream`."""
        is_busy = self._encoder.is_busy or self._decoder.is_busy
        return self._decoder.unread(now) or (None if is_busy else self._encoder.silent(now))

    async def events(self) -> AsyncIterator[Event]:
        """As in `LiveStream`; `Data` is audio."""
        item_bytes = self._item_bytes
        async for event in self._decoder.events():
            if isinstance(event, Data):
                data = event.part(item_bytes, 0, self._ends[0])
                if data is None:
                    continue
                self.items_out += len(data.payload) // item_bytes
                yield data
            else:
                if isinstance(event, Flushed):
                    self._ends.popleft()
                yield event

    async def _feed(self) -> None:
        """Hand what the encoder says on to the decoder; what goes wrong comes out of its events."""
        try:
            async for event in self._encoder.events():
                if isinstance(event, Data):
                    await self._hand_on(event)
                elif isinstance(event, Flushed):
                    self._first_frame = 0
                    await self._decoder.flush(event.id)
            self._decoder.finish()
        except Exception as error:
            self._decoder.fail(problem_of(error))

    async def _hand_on(self, codes: Data) -> None:
        frame_bytes = 2 * codes.n_q
        told = codes.part(frame_bytes, self._first_frame)
        if told is not None:
            self.frames += len(told.payload) // frame_bytes
            if self._tokens:
                self._decoder.relay(Codes(told))
        await self._decoder.send(Given(codes.payload, len(codes.payload) // frame_bytes, codes.n_q))
