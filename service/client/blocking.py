"""The blocking client."""

from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self

import grpc
import httpx

from codec.audio import Audio
from codec.tokens import Codes, Labels, Tokens
from proto.codec.v1 import codec_pb2 as pb
from proto.codec.v1 import codec_pb2_grpc
from service.client.blocking_stream import converse
from service.client.credentials import CHANNEL_OPTIONS, Tls, http_options, with_key
from service.client.errors import from_rpc, from_transport
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
from service.client.facts import info_of
from service.client.labelled import encode_request, model_request, tokens_of_answer
from service.client.streams import AudioChunk, PcmInput, TokenChunk, model_ref
from service.client.talks import DecodeTalk, EncodeTalk, ReconstructTalk
from service.model_info import ModelInfo

_DEFAULT = Selection()


class Client:
    """Talks to one service: REST for whole files, gRPC for live streams. Use it as a context manager.

    `api_key`: for a service that asks for one. `tls`: for one that has it; `url` is then an https one.
    Every method raises `ClientError`; a `TryAgainError` says after how many seconds to ask again.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        grpc_target: str = "127.0.0.1:8001",
        timeout_seconds: float = 60.0,
        *,
        api_key: str | None = None,
        tls: Tls | None = None,
    ) -> None:
        options = http_options(api_key, tls)
        self._http = httpx.Client(base_url=url, timeout=timeout_seconds, **options)
        if tls is None:
            self._channel = grpc.insecure_channel(grpc_target, options=CHANNEL_OPTIONS)
        else:
            credentials = tls.channel_credentials()
            self._channel = grpc.secure_channel(grpc_target, credentials, options=CHANNEL_OPTIONS)
        self._stub = with_key(codec_pb2_grpc.CodecStub(self._channel), api_key)
        self._models = with_key(codec_pb2_grpc.ModelsStub(self._channel), api_key)
        self._timeout_seconds = timeout_seconds

    def encode(
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
            return self._encode_labelled(encode_request(audio, selection, sample_rate, labels))
        return tokens_of(self._post("/encode", audio_body(audio, sample_rate), selection.query()))

    def decode(self, tokens: TokensInput, model: str | None = None) -> Audio:
        """Tokens to audio of the length that was encoded."""
        return audio_of(self._post("/decode", tokens_body(tokens), Selection(model).query()))

    def reconstruct(
        self, audio: AudioInput, selection: Selection = _DEFAULT, *, sample_rate: int = 16_000
    ) -> Audio:
        """Audio through the codec and back."""
        return audio_of(self._post("/reconstruct", audio_body(audio, sample_rate), selection.query()))

    def models(self) -> list[ModelInfo]:
        """What is served."""
        try:
            return models_of(self._http.get("/models"))
        except httpx.TransportError as error:
            raise from_transport(error) from error

    def model(self, model: str | None = None) -> ModelInfo:
        """One model, the default one if none is named, asked for by gRPC, which does not tell `slots`."""
        request = pb.GetModelRequest(model=model_ref(model))
        try:
            return info_of(self._models.Get(request, timeout=self._timeout_seconds))
        except grpc.RpcError as error:
            raise from_rpc(error) from error

    def stream_encode(
        self, pcm: Iterable[PcmInput], selection: Selection = _DEFAULT, *, resume_seconds: float = 0.0
    ) -> Iterator[TokenChunk]:
        """Tokens of audio that is still coming; ends when `pcm` ends and all of it is coded.

        `resume_seconds`: for how long a lost stream is tried to be opened again, to go on where it was.
        """
        talk = EncodeTalk(selection)
        yield from converse(talk, pcm, self._stub.StreamEncode, resume_seconds)

    def stream_decode(
        self,
        tokens: Iterable[TokenChunk | Codes],
        token_space: str,
        model: str | None = None,
        *,
        resume_seconds: float = 0.0,
    ) -> Iterator[AudioChunk]:
        """Audio of tokens that are still coming; `resume_seconds` as in `stream_encode`."""
        talk = DecodeTalk(token_space, model)
        yield from converse(talk, tokens, self._stub.StreamDecode, resume_seconds)

    def stream_reconstruct(
        self, pcm: Iterable[PcmInput], selection: Selection = _DEFAULT, *, resume_seconds: float = 0.0
    ) -> Iterator[AudioChunk]:
        """Audio through the codec and back while it is still coming; as long as what went in."""
        talk = ReconstructTalk(selection)
        yield from converse(talk, pcm, self._stub.StreamReconstruct, resume_seconds)

    def close(self) -> None:
        """Close all connections."""
        self._http.close()
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _encode_labelled(self, request: pb.EncodeRequest) -> Tokens:
        try:
            answer = self._stub.Encode(request, timeout=self._timeout_seconds)
            model = self._models.Get(model_request(answer), timeout=self._timeout_seconds)
        except grpc.RpcError as error:
            raise from_rpc(error) from error
        return tokens_of_answer(answer, model)

    def _post(self, path: str, body: bytes, query: dict[str, str | int]) -> httpx.Response:
        try:
            return self._http.post(path, content=body, params=query)
        except httpx.TransportError as error:
            raise from_transport(error) from error
