"""The REST handlers: raw bodies in, packed bytes out."""

import asyncio
import io
from dataclasses import asdict
from functools import lru_cache
from typing import Any

import numpy as np
import orjson
from starlette.requests import Request
from starlette.responses import Response

from codec.audio.writer import AudioFormat
from codec.container import CdcReader, PlainCdc, read_tokens, write_cdc
from codec.errors import CodecError
from codec.tokens import NO_SIDE, SideInformation, TokenFormat, TokenIdentity, Tokens, from_wire, to_wire
from service.config import Limits
from service.frontend.call import Call
from service.frontend.capacity import capacity_page
from service.frontend.content_type import audio_body, least_seconds
from service.frontend.http_errors import error_response
from service.frontend.http_request import Outcome, RequestRunner, declared_bytes, header
from service.frontend.intake import AudioBody, form_of
from service.frontend.operations import CodesBody, DecodedAudio, EncodedAudio, Operations
from service.frontend.queries import (
    DecodeQuery,
    EncodeQuery,
    TokensFormat,
    decode_query,
    encode_query,
    reconstruct_query,
)
from service.frontend.router import Router
from service.frontend.selector import ModelSelector
from service.frontend.tables import Tables
from service.model_info import ModelInfo
from service.status import Condition, ServiceError, service_error

_INLINE_BYTES = 1 << 17
"""Token files up to this size are read and written in the event loop (< 2 ms), larger ones in a thread."""

# No codec here has more frames a second; it bounds what a token file may unpack to.
_MAX_FRAME_RATE_HZ = 200

_AUDIO_TYPES: dict[AudioFormat, str] = {"wav": "audio/wav", "flac": "audio/flac"}
_BYTES_TYPE = "application/octet-stream"
_CDC_TYPE = "application/vnd.codecd.cdc"


class RestApi:
    """Handlers of `POST /encode`, `/decode`, `/reconstruct` and of the model and health pages."""

    def __init__(self, operations: Operations, runner: RequestRunner, limits: Limits, tables: Tables) -> None:
        self._operations = operations
        self._runner = runner
        self._tables = tables
        self._max_frames = int(limits.max_audio_seconds * _MAX_FRAME_RATE_HZ)

    async def encode(self, request: Request) -> Response:
        """Audio in, tokens out."""
        return await self._runner.run("encode", request, self._foresee_encode, self._encode)

    async def decode(self, request: Request) -> Response:
        """Tokens in, audio out: exactly as many samples as were encoded."""
        return await self._runner.run("decode", request, self._foresee_decode, self._decode)

    async def reconstruct(self, request: Request) -> Response:
        """Audio in, the same audio through the codec out."""
        return await self._runner.run("reconstruct", request, self._foresee_reconstruct, self._reconstruct)

    async def models(self, request: Request) -> Response:
        """The models that are served now."""
        router = self._operations.router
        default = router.table.default_model
        listed = [asdict(info) | {"default": info.model == default} for info in router.serving()]
        return _json({"models": listed})

    async def capacity(self, request: Request) -> Response:
        """Live streams that there are, and that there could be."""
        return _json(capacity_page(self._operations.router))

    async def model(self, request: Request) -> Response:
        """One model: what is served, which versions can be asked for, and which were refused."""
        router = self._operations.router
        name: str = request.path_params["name"]
        try:
            info = router.resolve(ModelSelector.parse(name))
        except ServiceError as error:
            return error_response(error)
        return _json(asdict(info) | _states(router, info))

    def _foresee_encode(self, request: Request, call: Call) -> None:
        self._foresee(request, encode_query(request.scope["query_string"]), call)

    def _foresee_reconstruct(self, request: Request, call: Call) -> None:
        self._foresee(request, reconstruct_query(request.scope["query_string"]), call)

    def _foresee(self, request: Request, query: EncodeQuery | DecodeQuery, call: Call) -> None:
        call.bulk = _is_bulk(request)
        seconds = least_seconds(header(request, b"content-type"), declared_bytes(request))
        self._operations.expect_audio(query.selector, query.rate, call, seconds)

    def _foresee_decode(self, request: Request, call: Call) -> None:
        call.bulk = _is_bulk(request)
        self._operations.expect_tokens(decode_query(request.scope["query_string"]).selector, call)

    async def _encode(self, request: Request, body: bytes, call: Call) -> Outcome:
        query = encode_query(request.scope["query_string"])
        return await self.encode_body(query, audio_body(header(request, b"content-type"), body), call)

    async def encode_body(self, query: EncodeQuery, audio: AudioBody, call: Call) -> Outcome:
        """Tokens of a body, in the form asked for."""
        if query.format == "npy":
            _check_npy(self._operations.router.resolve(query.selector))
        encoded = await self._operations.encode(audio, query.selector, query.rate, call)
        seconds = encoded.n_samples / encoded.info.sample_rate
        if query.format == "cdc" and len(encoded.codes) <= _INLINE_BYTES:
            return Outcome(_pack_cdc(encoded), _CDC_TYPE, encoded.info, seconds)
        content = await call.run(asyncio.to_thread(_pack, encoded, query.format))
        media_type = {"cdc": _CDC_TYPE, "json": "application/json", "npy": _BYTES_TYPE}[query.format]
        return Outcome(content, media_type, encoded.info, seconds)

    async def _decode(self, request: Request, body: bytes, call: Call) -> Outcome:
        query = decode_query(request.scope["query_string"])
        return await self.decode_body(query, body, call)

    async def decode_body(self, query: DecodeQuery, body: bytes, call: Call) -> Outcome:
        """Audio of a token file, in the form asked for."""
        if not body:
            raise ServiceError(Condition.INVALID_ARGUMENT, "the body is empty; send a .cdc file")
        reader = _open_cdc(body)
        if len(body) <= _INLINE_BYTES and reader.header.tables_id is None:
            tokens = self._read_cdc(reader)
        else:
            tokens = await call.run(asyncio.to_thread(self._read_cdc, reader))
        info = self._operations.router.resolve_tokens(query.selector, tokens.token_space)
        _check_format(tokens, info)
        codes = CodesBody(to_wire(tokens.codes), tokens.n_q, tokens.n_samples, tokens.side)
        decoded = await self._operations.decode(codes, info, form_of(query.format), call)
        return await self._audio(decoded, query.format, call)

    async def _reconstruct(self, request: Request, body: bytes, call: Call) -> Outcome:
        query = reconstruct_query(request.scope["query_string"])
        audio = audio_body(header(request, b"content-type"), body)
        form = form_of(query.format)
        decoded = await self._operations.reconstruct(audio, query.selector, query.rate, form, call)
        return await self._audio(decoded, query.format, call)

    async def _audio(self, decoded: DecodedAudio, audio_format: AudioFormat, call: Call) -> Outcome:
        rate, channels = decoded.info.sample_rate, decoded.info.channels
        content = await self._operations.intake.write(decoded.pcm, decoded.info, audio_format, call)
        media_type = _AUDIO_TYPES.get(audio_format, _BYTES_TYPE)
        if audio_format == "pcm_s16le":
            media_type = f"audio/L16;rate={rate};channels={channels};endianness=little-endian"
        return Outcome(content, media_type, decoded.info, decoded.seconds)

    def _read_cdc(self, reader: CdcReader) -> Tokens:
        try:
            reader.coder = self._tables.coder_of(reader.header)
            return read_tokens(reader, self._max_frames)
        except CodecError as error:
            raise service_error(error) from error


def _is_bulk(request: Request) -> bool:
    priority = header(request, b"x-priority")
    if priority not in (None, "interactive", "bulk"):
        message = f"X-Priority is {priority[:20]!r}; say interactive or bulk"
        raise ServiceError(Condition.INVALID_ARGUMENT, message)
    return priority == "bulk"


def _open_cdc(body: bytes) -> CdcReader:
    try:
        return CdcReader(body)
    except CodecError as error:
        raise service_error(error) from error


def _pack(encoded: EncodedAudio, form: TokensFormat) -> bytes:
    if form == "cdc":
        return _pack_cdc(encoded)
    info = encoded.info
    codes = np.ascontiguousarray(from_wire(encoded.codes, encoded.n_q, info.codebook_size))
    if form == "npy":
        out = io.BytesIO()
        np.save(out, codes)
        return out.getvalue()
    facts = {
        "model": info.model,
        "version": info.version,
        "token_space": info.token_space,
        "sample_rate": info.sample_rate,
        "hop_samples": info.hop_samples,
        "n_samples": encoded.n_samples,
        "n_q": encoded.n_q,
        "codes": codes,
    }
    if not info.streamable:
        facts |= _side_facts(encoded.side)
    return orjson.dumps(facts, option=orjson.OPT_SERIALIZE_NUMPY)


def _side_facts(side: SideInformation) -> dict[str, Any]:
    return {
        "scale": side.scale,
        "labels": None if side.labels is None else np.ascontiguousarray(side.labels),
        "segmentation": None if side.segmentation is None else asdict(side.segmentation),
    }


def _pack_cdc(encoded: EncodedAudio) -> bytes:
    info = encoded.info
    # What writes the file checks the codes; a second check on the way there would be wasted.
    codes = np.frombuffer(encoded.codes, "<u2").reshape(-1, encoded.n_q).T
    if encoded.side is NO_SIDE:
        return _plain_cdc(info, encoded.n_q).write(codes, encoded.n_samples)
    return write_cdc(
        Tokens(
            *(codes, _identity(info), info.sample_rate, info.hop_samples),
            *(encoded.n_samples, info.codebook_size, encoded.side),
        )
    )


@lru_cache(maxsize=256)
def _plain_cdc(info: ModelInfo, n_q: int) -> PlainCdc:
    token_format = TokenFormat(info.sample_rate, info.hop_samples, info.codebook_size)
    return PlainCdc(_identity(info), token_format, n_q)


def _identity(info: ModelInfo) -> TokenIdentity:
    return TokenIdentity(info.model, info.version, info.token_space)


def _check_npy(info: ModelInfo) -> None:
    if info.scaled or info.labels:
        raise ServiceError(
            Condition.INVALID_ARGUMENT,
            f"npy holds codes only, and {info.model} has levels or labels beside them that decoding needs; "
            "use format=cdc or format=json",
        )


def _check_format(tokens: Tokens, info: ModelInfo) -> None:
    """A file of the right token space whose header contradicts the model is damaged or forged."""
    said = (tokens.sample_rate, tokens.hop_samples, tokens.codebook_size)
    if said != (info.sample_rate, info.hop_samples, info.codebook_size):
        raise ServiceError(
            Condition.INVALID_ARGUMENT,
            f"the file says rate, hop, codebook size {said}; its token space has "
            f"{(info.sample_rate, info.hop_samples, info.codebook_size)}; the file is damaged",
        )


def _states(router: Router, info: ModelInfo) -> dict[str, Any]:
    routes = router.table.models[info.model]
    there = {link.worker_id for link in router.links}
    return {
        "default": info.model == router.table.default_model,
        "channel_versions": routes.channels,
        "canary": asdict(routes.canary) if routes.canary else None,
        "versions": [other.version for other in router.versions(info.model)],
        "workers": [
            {"id": route.id, "version": route.version, "draining": route.draining, "ready": route.id in there}
            for route in routes.workers
        ],
        "rejected": [asdict(rejection) for rejection in routes.rejected],
    }


def _json(content: dict[str, Any]) -> Response:
    return Response(orjson.dumps(content), 200, media_type="application/json")
