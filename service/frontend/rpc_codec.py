"""The unary RPCs of `codec.v1`."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

from proto.codec.v1 import codec_pb2 as pb
from proto.codec.v1 import codec_pb2_grpc
from service.config import Limits
from service.frontend import messages
from service.frontend.access import calling
from service.frontend.call import Call
from service.frontend.grpc_errors import abort
from service.frontend.http_errors import problem_of
from service.frontend.intake import AudioBody, RawFormat
from service.frontend.metrics import Metrics
from service.frontend.operations import CodesBody, DecodedAudio, EncodedAudio, Operations
from service.frontend.router import Router
from service.frontend.rpc_stream import serve_rpc
from service.frontend.stream_server import StreamServer
from service.frontend.stream_sides import DecodeSide, EncodeSide, ReconstructSide
from service.status import Condition, ServiceError

Context = Any
"""grpc.aio's servicer context; its stubs name another type for every pair of messages."""

Response = TypeVar("Response")

_MAX_TIMEOUT_SECONDS = 3600.0
"""As over HTTP; a deadline of centuries does not fit into a message to a worker."""


class CodecServicer(codec_pb2_grpc.CodecServicer):
    """Unary calls run `Operations`, streams a `StreamServer`."""

    def __init__(
        self, operations: Operations, streams: StreamServer, metrics: Metrics, limits: Limits
    ) -> None:
        self._operations = operations
        self._streams = streams
        self._metrics = metrics
        self._limits = limits

    async def Encode(self, request: pb.EncodeRequest, context: Context) -> pb.EncodeResponse:
        """Audio to tokens."""

        async def work(call: Call) -> tuple[pb.EncodeResponse, float]:
            call.bulk = messages.is_bulk(request.priority)
            labels = messages.labels_of(request.labels)
            encoded = await self._operations.encode(*_audio_request(request), call, labels)
            return _encode_response(encoded), encoded.n_samples / encoded.info.sample_rate

        return await self._run("encode", context, work)

    async def Decode(self, request: pb.DecodeRequest, context: Context) -> pb.DecodeResponse:
        """Tokens to PCM."""

        async def work(call: Call) -> tuple[pb.DecodeResponse, float]:
            call.bulk = messages.is_bulk(request.priority)
            router = self._operations.router
            info = messages.tokens_version(router, request.model, request.token_space)
            tokens = request.tokens
            side = messages.side_of(tokens, info)
            codes = CodesBody(tokens.codes, tokens.n_q, request.n_samples or None, side)
            form = messages.form_of(request.format)
            return _decode_response(await self._operations.decode(codes, info, form, call))

        return await self._run("decode", context, work)

    async def Reconstruct(self, request: pb.EncodeRequest, context: Context) -> pb.DecodeResponse:
        """Audio to tokens to audio."""

        async def work(call: Call) -> tuple[pb.DecodeResponse, float]:
            call.bulk = messages.is_bulk(request.priority)
            labels = messages.labels_of(request.labels)
            wanted = request.pcm.format if request.WhichOneof("audio") == "pcm" else 0
            form = messages.form_of(wanted)
            audio = _audio_request(request)
            return _decode_response(await self._operations.reconstruct(*audio, form, call, labels))

        return await self._run("reconstruct", context, work)

    async def StreamEncode(  # type: ignore[override]  # written to, not iterated over
        self, request_iterator: AsyncIterator[pb.StreamEncodeRequest], context: Context
    ) -> None:
        """Live audio to tokens."""
        await serve_rpc(self._streams, EncodeSide(), request_iterator, context)

    async def StreamDecode(  # type: ignore[override]  # written to, not iterated over
        self, request_iterator: AsyncIterator[pb.StreamDecodeRequest], context: Context
    ) -> None:
        """Live tokens to audio."""
        await serve_rpc(self._streams, DecodeSide(), request_iterator, context)

    async def StreamReconstruct(  # type: ignore[override]  # written to, not iterated over
        self, request_iterator: AsyncIterator[pb.StreamReconstructRequest], context: Context
    ) -> None:
        """Live audio to audio."""
        await serve_rpc(self._streams, ReconstructSide(), request_iterator, context)

    async def _run(
        self, operation: str, context: Context, work: Callable[[Call], Awaitable[tuple[Response, float]]]
    ) -> Response:
        """Run a unary call: deadline, errors, metrics."""
        self._metrics.request_began(operation)
        condition: Condition | None = None
        seconds = 0.0
        remaining = context.time_remaining()
        seconds_left = (
            self._limits.deadline_seconds
            if remaining is None
            else min(max(remaining, 0.0), _MAX_TIMEOUT_SECONDS)
        )
        caller = calling()
        call = Call(seconds_left, caller.name, caller.quota)
        try:
            caller.begin(operation)
            with call:
                response, seconds = await work(call)
            return response
        except Exception as error:
            problem = problem_of(error)
            condition = problem.condition
            await abort(context, problem)
        except asyncio.CancelledError:
            condition = Condition.CANCELLED
            raise
        finally:
            self._metrics.request_ended(operation, condition, call, seconds)


class ModelsServicer(codec_pb2_grpc.ModelsServicer):
    """What is served."""

    def __init__(self, router: Router) -> None:
        self._router = router

    async def List(self, request: pb.ListModelsRequest, context: Context) -> pb.ListModelsResponse:
        """The served version of every model."""
        return pb.ListModelsResponse(models=map(messages.model_info, self._router.serving()))

    async def Watch(self, request: pb.WatchModelsRequest, context: Context) -> None:  # type: ignore[override]
        """What `List` says, at once and at every change; written to, not iterated over."""
        async for serving in self._router.watch():
            await context.write(pb.ListModelsResponse(models=map(messages.model_info, serving)))

    async def Get(self, request: pb.GetModelRequest, context: Context) -> pb.ModelInfo:
        """One version; the served one if none is named."""
        try:
            return messages.model_info(self._router.resolve(messages.selector_of(request.model)))
        except ServiceError as error:
            await abort(context, error)


def _audio_request(request: pb.EncodeRequest) -> tuple[AudioBody, Any, Any]:
    selector, rate = messages.selector_of(request.model), messages.rate_of(request)
    if request.WhichOneof("audio") != "pcm":
        return AudioBody(request.file), selector, rate
    pcm = request.pcm
    raw = RawFormat(messages.form_of(pcm.format).pcm_format, pcm.sample_rate, pcm.channels)
    return AudioBody(pcm.samples, raw), selector, rate


def _encode_response(encoded: EncodedAudio) -> pb.EncodeResponse:
    return pb.EncodeResponse(
        identity=messages.identity(encoded.info),
        tokens=messages.tokens(encoded.n_q, encoded.codes, encoded.side),
        n_samples=encoded.n_samples,
        sample_rate=encoded.info.sample_rate,
    )


def _decode_response(decoded: DecodedAudio) -> tuple[pb.DecodeResponse, float]:
    info = decoded.info
    pcm = pb.RawPcm(
        format=messages.pcm_format_value(decoded.pcm.form),
        sample_rate=info.sample_rate,
        channels=info.channels,
        samples=bytes(decoded.pcm.content),
    )
    response = pb.DecodeResponse(identity=messages.identity(info), pcm=pcm, n_q=decoded.n_q)
    return response, decoded.seconds
