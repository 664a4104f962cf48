"""The two directions of live streams: what their messages mean."""

from typing import Any, Protocol

import numpy as np

from codec.audio import PcmFormat
from codec.audio.pcm import ENCODING_BYTES, Encoding, decode
from codec.errors import CodecError
from proto.codec.v1 import codec_pb2 as pb
from service.frontend import messages
from service.frontend.intake import write_samples
from service.frontend.live_stream import Data, Event, Flushed, LiveStream
from service.frontend.operations import check_codes
from service.frontend.rate import resolve_n_q
from service.frontend.router import Router
from service.ipc import Operation
from service.model_info import ModelInfo
from service.status import Condition, ServiceError, service_error

_ENCODINGS: dict[PcmFormat, Encoding] = {"pcm_s16le": "s16", "pcm_f32le": "f32"}


class StreamSide(Protocol):
    """One direction. Requests and responses are the oneof messages of `codec.v1`."""

    operation: Operation
    name: str

    def open(self, request: Any, router: Router) -> tuple[ModelInfo, int]:
        """The version and n_q that Open asks for; raises `ServiceError`."""

    async def feed(self, stream: LiveStream, request: Any) -> None:
        """Take one input message; raises `ServiceError`."""

    def opened(self, stream: LiveStream) -> Any:
        """The answer to Open."""

    def response(self, stream: LiveStream, event: Event) -> Any:
        """An event as a message."""

    def summary(self, stream: LiveStream) -> Any:
        """The last message."""


class EncodeSide:
    """Audio in, tokens out."""

    operation = Operation.ENCODE
    name = "encode"

    def __init__(self) -> None:
        self._encoding: Encoding = "s16"

    def open(self, request: pb.OpenEncode, router: Router) -> tuple[ModelInfo, int]:
        """Part of `StreamSide`."""
        info = router.resolve(messages.selector_of(request.model))
        self._encoding = _ENCODINGS[messages.pcm_format_of(request.format)]
        if request.sample_rate not in (0, info.sample_rate):
            raise _invalid(f"sample_rate is {request.sample_rate}; resample to {info.sample_rate}")
        return info, resolve_n_q(messages.rate_of(request), info)

    async def feed(self, stream: LiveStream, request: pb.AudioChunk) -> None:
        """Part of `StreamSide`."""
        info = stream.info
        n_q = stream.n_q
        if request.HasField("rate"):
            n_q = resolve_n_q(messages.rate_of(request), info)
        item_bytes = ENCODING_BYTES[self._encoding] * info.channels
        items, rest = divmod(len(request.samples), item_bytes)
        if rest:
            raise _invalid(f"{len(request.samples)} bytes are no whole samples of {item_bytes} bytes")
        if not items:
            stream.heard()
            return
        try:
            samples = decode(request.samples, self._encoding, info.channels)
        except CodecError as error:
            raise service_error(error) from error
        await stream.send(np.ascontiguousarray(samples.T, "<f4").tobytes(), items, n_q)

    def opened(self, stream: LiveStream) -> pb.StreamEncodeResponse:
        """Part of `StreamSide`."""
        return pb.StreamEncodeResponse(opened=messages.opened(stream.info, stream.n_q))

    def response(self, stream: LiveStream, event: Event) -> pb.StreamEncodeResponse:
        """Part of `StreamSide`."""
        if isinstance(event, Data):
            tokens = pb.Tokens(n_q=event.n_q, first_frame=event.first, codes=event.payload)
            return pb.StreamEncodeResponse(tokens=tokens)
        if isinstance(event, Flushed):
            return pb.StreamEncodeResponse(flushed=pb.Flushed(id=event.id))
        deadline_ms = round(event.deadline_seconds * 1000)
        return pb.StreamEncodeResponse(go_away=pb.GoAway(reason=event.reason, deadline_ms=deadline_ms))

    def summary(self, stream: LiveStream) -> pb.StreamEncodeResponse:
        """Part of `StreamSide`."""
        counts = pb.Summary(n_samples=stream.items_in, n_frames=stream.items_out)
        return pb.StreamEncodeResponse(summary=counts)


class DecodeSide:
    """Tokens in, audio out."""

    operation = Operation.DECODE
    name = "decode"

    def __init__(self) -> None:
        self._format: PcmFormat = "pcm_s16le"

    def open(self, request: pb.OpenDecode, router: Router) -> tuple[ModelInfo, int]:
        """Part of `StreamSide`."""
        info = messages.tokens_version(router, request.model, request.token_space)
        self._format = messages.pcm_format_of(request.format)
        return info, info.codebooks

    async def feed(self, stream: LiveStream, request: pb.Tokens) -> None:
        """Part of `StreamSide`."""
        frames = check_codes(request.codes, request.n_q, stream.info)
        if not frames:
            stream.heard()
            return
        await stream.send(request.codes, frames, request.n_q)

    def opened(self, stream: LiveStream) -> pb.StreamDecodeResponse:
        """Part of `StreamSide`."""
        return pb.StreamDecodeResponse(opened=messages.opened(stream.info, stream.n_q))

    def response(self, stream: LiveStream, event: Event) -> pb.StreamDecodeResponse:
        """Part of `StreamSide`."""
        if isinstance(event, Data):
            samples = np.frombuffer(event.payload, "<f4").reshape(-1, stream.info.channels)
            pcm = write_samples(samples, stream.info.sample_rate, self._format)
            return pb.StreamDecodeResponse(audio=pb.PcmChunk(first_sample=event.first, samples=pcm))
        if isinstance(event, Flushed):
            return pb.StreamDecodeResponse(flushed=pb.Flushed(id=event.id))
        deadline_ms = round(event.deadline_seconds * 1000)
        return pb.StreamDecodeResponse(go_away=pb.GoAway(reason=event.reason, deadline_ms=deadline_ms))

    def summary(self, stream: LiveStream) -> pb.StreamDecodeResponse:
        """Part of `StreamSide`."""
        counts = pb.Summary(n_samples=stream.items_out, n_frames=stream.items_in)
        return pb.StreamDecodeResponse(summary=counts)


def _invalid(message: str) -> ServiceError:
    return ServiceError(Condition.INVALID_ARGUMENT, message)
