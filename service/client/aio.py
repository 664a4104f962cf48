"""The asynchronous client."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Coroutine
from functools import partial
from types import TracebackType
from typing import Any, Self

import grpc
import httpx

from codec.audio import Audio
from codec.tokens import Codes, Labels, Tokens
from proto.codec.v1 import codec_pb2 as pb
from proto.codec.v1 import codec_pb2_grpc
from service.client.errors import ClientError, TryAgainError, from_rpc, from_transport
from service.client.exchange import (
    AudioInput,
    Selection,
    TokensInput,
    audio_body,
    audio_of,
    models_of,
    tokens_body,
    tokens_of,
)
from service.client.labelled import encode_request, model_request, tokens_of_answer
from service.client.streams import (
    AudioChunk,
    DecodeTalk,
    EncodeTalk,
    PcmInput,
    TokenChunk,
    check_end,
)
from service.model_info import ModelInfo

_DEFAULT = Selection()
_LOST_STATUS = "Internal error from Core"
_RETRY_SECONDS = 1.0


class AsyncClient:
    """`Client` for an event loop: the same methods and errors, awaited."""

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        grpc_target: str = "127.0.0.1:8001",
        timeout_seconds: float = 60.0,
    ) -> None:
        self._http = httpx.AsyncClient(base_url=url, timeout=timeout_seconds)
        self._channel = grpc.aio.insecure_channel(grpc_target)
        self._stub = codec_pb2_grpc.CodecStub(self._channel)
        self._models = codec_pb2_grpc.ModelsStub(self._channel)
        self._timeout_seconds = timeout_seconds

    async def encode(
        self,
        audio: AudioInput,
        selection: Selection = _DEFAULT,
        *,
        sample_rate: int = 16_000,
        labels: Labels | None = None,
    ) -> Tokens:
        """Audio to tokens; `sample_rate` tells what rate samples given as an array have.

        `labels`: uint16 `[label]`, for models that hear them; at most 4 MB then go in one request.
        """
        if labels is not None:
            return await self._encode_labelled(encode_request(audio, selection, sample_rate, labels))
        return tokens_of(await self._post("/encode", audio_body(audio, sample_rate), selection.query()))

    async def decode(self, tokens: TokensInput, model: str | None = None) -> Audio:
        """Tokens to audio of the length that was encoded."""
        return audio_of(await self._post("/decode", tokens_body(tokens), Selection(model).query()))

    async def reconstruct(
        self, audio: AudioInput, selection: Selection = _DEFAULT, *, sample_rate: int = 16_000
    ) -> Audio:
        """Audio through the codec and back."""
        return audio_of(await self._post("/reconstruct", audio_body(audio, sample_rate), selection.query()))

    async def models(self) -> list[ModelInfo]:
        """What is served."""
        try:
            return models_of(await self._http.get("/models"))
        except httpx.TransportError as error:
            raise from_transport(error) from error

    async def stream_encode(
        self, pcm: AsyncIterable[PcmInput], selection: Selection = _DEFAULT
    ) -> AsyncIterator[TokenChunk]:
        """Tokens of audio that is still coming; ends when `pcm` ends and all of it is coded."""
        talk = EncodeTalk(selection)
        async for chunk in _converse(talk, pcm, self._stub.StreamEncode):
            yield chunk

    async def stream_decode(
        self, tokens: AsyncIterable[TokenChunk | Codes], token_space: str, model: str | None = None
    ) -> AsyncIterator[AudioChunk]:
        """Audio of tokens that are still coming."""
        talk = DecodeTalk(token_space, model)
        async for chunk in _converse(talk, tokens, self._stub.StreamDecode):
            yield chunk

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()
        await self._channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _encode_labelled(self, request: pb.EncodeRequest) -> Tokens:
        try:
            answer = await self._stub.Encode(request, timeout=self._timeout_seconds)
            model = await self._models.Get(model_request(answer), timeout=self._timeout_seconds)
        except grpc.aio.AioRpcError as error:
            raise from_rpc(error) from error
        return tokens_of_answer(answer, model)

    async def _post(self, path: str, body: bytes, query: dict[str, str | int]) -> httpx.Response:
        try:
            return await self._http.post(path, content=body, params=query)
        except httpx.TransportError as error:
            raise from_transport(error) from error


async def _converse(talk: Any, pieces: AsyncIterable[Any], method: Any) -> AsyncIterator[Any]:
    """Send pieces and yield what comes back, until both sides are done."""
    opened = asyncio.Event()

    async def requests() -> AsyncIterator[Any]:
        yield talk.open()
        await opened.wait()
        async for piece in pieces:
            if talk.is_leaving:
                return
            yield talk.request(piece)

    call = method(requests())
    statuses: list[grpc.aio.AioRpcError] = []
    call.add_done_callback(partial(_note_status, statuses))
    try:
        async for response in call:
            opened.set()
            for chunk in talk.chunks(response):
                yield chunk
    except grpc.aio.AioRpcError as error:
        raise _error_of(error, statuses) from error
    finally:
        call.cancel()
    check_end(talk)


def _error_of(error: grpc.aio.AioRpcError, statuses: list[grpc.aio.AioRpcError]) -> ClientError:
    """The error that the end of a stream means.

    A write that is under way when a stream ends makes grpc.aio replace the status, whatever it was, with
    an INTERNAL of its own (grpc/grpc#36066); `statuses` has those before it.
    """
    if error.details() != _LOST_STATUS:
        return from_rpc(error)
    for status in statuses:
        if status.details() != _LOST_STATUS:
            return from_rpc(status)
    message = "the stream has ended while it was being written to; open it again"
    return TryAgainError("unavailable", message, _RETRY_SECONDS)


def _note_status(statuses: list[grpc.aio.AioRpcError], call: Any) -> None:
    """Called whenever the status of a call is set; what its coroutines return is there then."""
    code, initial, trailing, details = (
        _result(coroutine)
        for coroutine in (call.code(), call.initial_metadata(), call.trailing_metadata(), call.details())
    )
    statuses.append(grpc.aio.AioRpcError(code, initial, trailing, details))


def _result(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that has nothing to wait for."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise RuntimeError("grpc.aio waits for a status that it has")
