"""The operations of live streams: what their messages mean."""

from collections.abc import AsyncIterator, Iterable
from typing import Any, Protocol

import numpy as np

from codec.audio.signal import check_values
from codec.errors import CodecError
from proto.codec.v1 import codec_pb2 as pb
from service.frontend import messages
from service.frontend.live_events import Codes, Data, Event, Flushed, Given, GoAway, Start, StreamLimits
from service.frontend.live_stream import LiveStream
from service.frontend.operations import check_codes
from service.frontend.rate import resolve_n_q
from service.frontend.reconstruction import Reconstruction
from service.frontend.router import Router
from service.ipc import Operation
from service.model_info import ModelInfo
from service.samples import SampleForm
from service.status import Condition, ServiceError, service_error

_MAX_FRAME = 1 << 48
"""Where a stream may begin: so that samples can be numbered in 64 bits, too."""


class Stream(Protocol):
    """A `LiveStream`, or what behaves like one."""

    info: ModelInfo

    @property
    def n_q(self) -> int:
        """Codebooks in use."""

    @property
    def seconds_in(self) -> float:
        """Seconds of audio that have come."""

    @property
    def workers(self) -> tuple[str, ...]:
        """Ids of the workers that it lives on."""

    @property
    def prime_frames(self) -> int | None:
        """Frames of prime for one that goes on where this one ends; None: none is enough."""

    async def open(self, router: Router) -> None:
        """Get slots; raises `ServiceError`."""

    async def send(self, given: Given) -> None:
        """Take input."""

    async def flush(self, flush_id: int) -> None:
        """End a segment."""

    def finish(self) -> None:
        """No more input."""

    def heard(self) -> None:
        """The client has said something."""

    def go_away(self, reason: str, deadline_seconds: float) -> None:
        """Ask the client to end the stream."""

    def fail(self, error: ServiceError) -> None:
        """End with an error."""

    def close(self) -> None:
        """Give the slots back."""

    def overdue(self, now: float) -> ServiceError | None:
        """What is to be said to a client that is too slow."""

    def events(self) -> AsyncIterator[Event]:
        """What the client is to be told."""


class StreamSide(Protocol):
    """One operation. Requests and responses are the oneof messages of `codec.v1`, whatever carries them."""

    name: str

    def open(self, request: Any, router: Router, limits: StreamLimits) -> Any:
        """The stream that Open asks for, not yet opened; raises `ServiceError`."""

    async def feed(self, stream: Any, request: Any) -> None:
        """Take one input message; raises `ServiceError`."""

    def opened(self, stream: Any) -> Any:
        """The answer to Open."""

    def response(self, stream: Any, event: Event) -> Any:
        """An event as a message."""

    def summary(self, stream: Any) -> Any:
        """The last message."""


class _AudioIn:
    """What encoding and reconstruction have in common."""

    _form_in = SampleForm.S16

    async def feed(self, stream: Stream, request: pb.AudioChunk) -> None:
        """Part of `StreamSide`."""
        given = self._given(request, stream.info, stream.n_q)
        if given.items:
            await stream.send(given)
        else:
            stream.heard()

    def _open(
        self, request: pb.OpenEncode | pb.OpenReconstruct, router: Router, limits: StreamLimits
    ) -> tuple[ModelInfo, int, Start]:
        info = router.resolve(messages.selector_of(request.model))
        self._form_in = messages.form_of(request.format)
        if request.sample_rate not in (0, info.sample_rate):
            raise _invalid(f"sample_rate is {request.sample_rate}; resample to {info.sample_rate}")
        n_q = resolve_n_q(messages.rate_of(request), info)
        prime: list[Given] = []
        for chunk in request.prime:
            prime.append(self._given(chunk, info, prime[-1].n_q if prime else n_q))
        return info, n_q, _start(request.first_frame, prime, info.hop_samples)

    def _given(self, request: pb.AudioChunk, info: ModelInfo, n_q: int) -> Given:
        if request.HasField("rate"):
            n_q = resolve_n_q(messages.rate_of(request), info)
        packed = request.samples
        item_bytes = self._form_in.sample_bytes * info.channels
        items, rest = divmod(len(packed), item_bytes)
        if rest:
            raise _invalid(f"{len(packed)} bytes are no whole samples of {item_bytes} bytes")
        if self._form_in is SampleForm.F32:
            try:
                check_values(np.frombuffer(packed, "<f4"))
            except CodecError as error:
                raise service_error(error) from error
        return Given(packed, items, n_q, self._form_in)


class _AudioOut:
    """What decoding and reconstruction have in common."""

    _form_out = SampleForm.S16

    def _chunk(self, data: Data) -> pb.PcmChunk:
        return pb.PcmChunk(first_sample=data.first, samples=data.payload)


class EncodeSide(_AudioIn):
    """Audio in, tokens out."""

    name = "encode"

    def open(self, request: pb.OpenEncode, router: Router, limits: StreamLimits) -> LiveStream:
        """Part of `StreamSide`."""
        info, n_q, start = self._open(request, router, limits)
        _check_prime(start, info.prime_frames(Operation.ENCODE), info, limits)
        return LiveStream(Operation.ENCODE, info, n_q, limits, start)

    def opened(self, stream: LiveStream) -> pb.StreamEncodeResponse:
        """Part of `StreamSide`."""
        return pb.StreamEncodeResponse(opened=messages.opened(stream.info, stream.n_q, stream.prime_frames))

    def response(self, stream: LiveStream, event: Event) -> pb.StreamEncodeResponse:
        """Part of `StreamSide`."""
        if isinstance(event, Data):
            return pb.StreamEncodeResponse(tokens=_tokens(event))
        return pb.StreamEncodeResponse(**_control(stream, event))

    def summary(self, stream: LiveStream) -> pb.StreamEncodeResponse:
        """Part of `StreamSide`."""
        counts = pb.Summary(n_samples=stream.items_in, n_frames=stream.items_out)
        return pb.StreamEncodeResponse(summary=counts)


class DecodeSide(_AudioOut):
    """Tokens in, audio out."""

    name = "decode"

    def open(self, request: pb.OpenDecode, router: Router, limits: StreamLimits) -> LiveStream:
        """Part of `StreamSide`."""
        info = messages.tokens_version(router, request.model, request.token_space)
        self._form_out = messages.form_of(request.format)
        prime = [_given_codes(tokens, info) for tokens in request.prime]
        start = _start(request.first_frame, prime, 1)
        _check_prime(start, info.prime_frames(Operation.DECODE), info, limits)
        return LiveStream(Operation.DECODE, info, info.codebooks, limits, start, self._form_out)

    async def feed(self, stream: Stream, request: pb.Tokens) -> None:
        """Part of `StreamSide`."""
        given = _given_codes(request, stream.info)
        if given.items:
            await stream.send(given)
        else:
            stream.heard()

    def opened(self, stream: LiveStream) -> pb.StreamDecodeResponse:
        """Part of `StreamSide`."""
        return pb.StreamDecodeResponse(opened=messages.opened(stream.info, stream.n_q, stream.prime_frames))

    def response(self, stream: LiveStream, event: Event) -> pb.StreamDecodeResponse:
        """Part of `StreamSide`."""
        if isinstance(event, Data):
            return pb.StreamDecodeResponse(audio=self._chunk(event))
        return pb.StreamDecodeResponse(**_control(stream, event))

    def summary(self, stream: LiveStream) -> pb.StreamDecodeResponse:
        """Part of `StreamSide`."""
        counts = pb.Summary(n_samples=stream.items_out, n_frames=stream.items_in)
        return pb.StreamDecodeResponse(summary=counts)


class ReconstructSide(_AudioIn, _AudioOut):
    """Audio in, audio out, and the tokens in between if they are wanted."""

    name = "reconstruct"

    def open(self, request: pb.OpenReconstruct, router: Router, limits: StreamLimits) -> Reconstruction:
        """Part of `StreamSide`."""
        info, n_q, start = self._open(request, router, limits)
        self._form_out = messages.form_of(request.format)
        stream = Reconstruction(info, n_q, limits, start, self._form_out, tokens=request.tokens)
        _check_prime(start, stream.prime_frames, info, limits)
        return stream

    def opened(self, stream: Reconstruction) -> pb.StreamReconstructResponse:
        """Part of `StreamSide`."""
        opened = messages.opened(stream.info, stream.n_q, stream.prime_frames)
        return pb.StreamReconstructResponse(opened=opened)

    def response(self, stream: Reconstruction, event: Event) -> pb.StreamReconstructResponse:
        """Part of `StreamSide`."""
        if isinstance(event, Data):
            return pb.StreamReconstructResponse(audio=self._chunk(event))
        if isinstance(event, Codes):
            return pb.StreamReconstructResponse(tokens=_tokens(event.data))
        return pb.StreamReconstructResponse(**_control(stream, event))

    def summary(self, stream: Reconstruction) -> pb.StreamReconstructResponse:
        """Part of `StreamSide`."""
        counts = pb.Summary(n_samples=stream.items_out, n_frames=stream.frames)
        return pb.StreamReconstructResponse(summary=counts)


def _tokens(data: Data) -> pb.Tokens:
    return pb.Tokens(n_q=data.n_q, first_frame=data.first, codes=data.payload)


def _control(stream: Stream, event: Event) -> dict[str, Any]:
    """An event that is no data, as the field of a response."""
    if isinstance(event, Flushed):
        return {"flushed": pb.Flushed(id=event.id)}
    assert isinstance(event, GoAway)
    return {"go_away": messages.go_away(event, stream.prime_frames)}


def _given_codes(request: pb.Tokens, info: ModelInfo) -> Given:
    return Given(request.codes, check_codes(request.codes, request.n_q, info), request.n_q)


def _start(first_frame: int, prime: Iterable[Given], items_per_frame: int) -> Start:
    if first_frame > _MAX_FRAME:
        raise _invalid(f"first_frame is {first_frame}; the largest is {_MAX_FRAME}")
    given = tuple(piece for piece in prime if piece.items)
    items = sum(piece.items for piece in given)
    frames, rest = divmod(items, items_per_frame)
    if rest:
        raise _invalid(f"prime has {items} samples; send whole frames of {items_per_frame}")
    if frames > first_frame:
        message = f"prime has {frames} frames, but first_frame is {first_frame}: the prime lies before it"
        raise _invalid(message)
    return Start(first_frame, given, frames)


def _check_prime(start: Start, prime_frames: int | None, info: ModelInfo, limits: StreamLimits) -> None:
    frames = start.hidden_frames
    if not frames:
        return
    if prime_frames is None:
        message = f"{info.model} remembers the whole stream, no prime brings that back; open without prime"
        raise _invalid(message)
    most = max(prime_frames, int(limits.window_seconds * info.sample_rate / info.hop_samples))
    if frames > most:
        raise _invalid(f"prime has {frames} frames; {prime_frames} are enough, {most} are taken")


def _invalid(message: str) -> ServiceError:
    return ServiceError(Condition.INVALID_ARGUMENT, message)
