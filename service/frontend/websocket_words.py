"""The messages of `WS /stream` as those of `codec.v1`, and back; docs/streaming.md describes them.

Text messages are JSON objects with a `type`. A binary message of the client is PCM or tokens as they are; one
of the service has a header of 12 bytes before them: u16 kind (1 = tokens, 2 = PCM), u16 n_q (0 for PCM), u64
number of the first frame or sample, all little-endian.
"""

import struct
from collections.abc import Callable
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Discriminator, Field, TypeAdapter, ValidationError

from proto.codec.v1 import codec_pb2 as pb
from service.frontend.http_errors import RETRY_AFTER_SECONDS
from service.frontend.stream_sides import DecodeSide, EncodeSide, ReconstructSide, StreamSide
from service.status import ANSWERS, Condition, ServiceError

_HEADER = struct.Struct("<HHQ")
_TOKENS = 1
_PCM = 2
_MAX_PRIME_MESSAGES = 1024
_SIDES: dict[str, Callable[[], StreamSide]] = {
    "encode": EncodeSide,
    "decode": DecodeSide,
    "reconstruct": ReconstructSide,
}
_REQUESTS: dict[str, Any] = {
    "encode": pb.StreamEncodeRequest,
    "decode": pb.StreamDecodeRequest,
    "reconstruct": pb.StreamReconstructRequest,
}
_FORMATS = {"s16le": pb.PCM_FORMAT_S16LE, "f32le": pb.PCM_FORMAT_F32LE}

_U32 = Annotated[int, Field(ge=0, lt=2**32)]
_U63 = Annotated[int, Field(ge=0, lt=2**63)]

# Where a code of RFC 6455 says it; the others are 4000 and the status of HTTP.
_CLOSE_CODES = {
    Condition.LIMIT_EXCEEDED: 1009,
    Condition.INTERNAL: 1011,
    Condition.UNAVAILABLE: 1012,
    Condition.OVERLOADED: 1013,
}


class _Words(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class _Rated(_Words):
    n_q: _U32 | None = None
    bitrate_bps: _U32 | None = None

    def rate(self) -> pb.Rate | None:
        """What was said of it; raises `ServiceError` for both."""
        if self.n_q is not None and self.bitrate_bps is not None:
            raise _invalid("n_q and bitrate_bps are both given; give one of them")
        if self.n_q is not None:
            return pb.Rate(n_q=self.n_q)
        return None if self.bitrate_bps is None else pb.Rate(bitrate_bps=self.bitrate_bps)


class Open(_Rated):
    """The first message; `prime_messages`: as many binary messages after it are the prime."""

    type: Literal["open"]
    operation: Literal["encode", "decode", "reconstruct"]
    model: str = ""
    token_space: str = ""
    format: Literal["s16le", "f32le"] = "s16le"
    sample_rate: _U32 = 0
    tokens: bool = False
    first_frame: _U63 = 0
    prime_messages: Annotated[int, Field(ge=0, le=_MAX_PRIME_MESSAGES)] = 0


class Rate(_Rated):
    """Of the binary messages that follow."""

    type: Literal["rate"]


class Flush(_Words):
    """The end of a segment."""

    type: Literal["flush"]
    id: _U63 = 0


class KeepAlive(_Words):
    """The client is still there."""

    type: Literal["keep_alive"]


class Finish(_Words):
    """There will be no more input: flush, sum up and close."""

    type: Literal["finish"]


Words = Open | Rate | Flush | KeepAlive | Finish
_WORDS: TypeAdapter[Words] = TypeAdapter(Annotated[Words, Discriminator("type")])


def parse(text: str) -> Words:
    """A text message of a client. Raises `ServiceError` INVALID_ARGUMENT for anything else."""
    try:
        return _WORDS.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"])) or "the message"
        raise _invalid(f"a text message cannot be read: {where}: {first['msg']}") from error


class Dialect:
    """How the messages of one operation are worded; keeps the rate that was last said."""

    def __init__(self, opening: Open) -> None:
        self._opening = opening
        self._rate = opening.rate()
        self._is_decode = opening.operation == "decode"
        if self._is_decode and opening.n_q is None:
            raise _invalid("n_q is missing; say how many codebooks the tokens have that you send")
        if self._is_decode and opening.tokens:
            raise _invalid("tokens come back from a reconstruction only; leave tokens out")
        self._request = _REQUESTS[opening.operation]

    def side(self) -> StreamSide:
        """What the messages mean."""
        return _SIDES[self._opening.operation]()

    def open(self, prime: list[bytes]) -> Any:
        """The first request."""
        opening = self._opening
        fields: dict[str, Any] = {
            "model": pb.ModelRef(model=opening.model),
            "format": _FORMATS[opening.format],
            "first_frame": opening.first_frame,
            "prime": [self._piece(packed) for packed in prime],
        }
        if self._is_decode:
            return self._request(open=pb.OpenDecode(token_space=opening.token_space, **fields))
        if opening.token_space:
            raise _invalid("token_space is for decoding; leave it out")
        fields |= {"rate": self._rate, "sample_rate": opening.sample_rate}
        self._rate = None
        if opening.operation == "reconstruct":
            return self._request(open=pb.OpenReconstruct(tokens=opening.tokens, **fields))
        if opening.tokens:
            raise _invalid("tokens always come back from encoding; leave tokens out")
        return self._request(open=pb.OpenEncode(**fields))

    def data(self, packed: bytes) -> Any:
        """A binary message as a request."""
        piece = self._piece(packed)
        if self._is_decode:
            return self._request(tokens=piece)
        self._rate = None
        return self._request(audio=piece)

    def said(self, words: Words) -> Any:
        """A text message after the first as a request; None for one that is of later ones."""
        if isinstance(words, Rate):
            self._rate = words.rate()
            if self._is_decode and words.n_q is None:
                raise _invalid("rate says no n_q; tokens have a number of codebooks, not a bitrate")
            return None
        if isinstance(words, Flush):
            return self._request(flush=pb.Flush(id=words.id))
        if isinstance(words, KeepAlive):
            return self._request(keep_alive=pb.KeepAlive())
        raise _invalid("a second open came; after open send data, flush, rate, keep_alive or finish")

    def _piece(self, packed: bytes) -> Any:
        if not self._is_decode:
            return pb.AudioChunk(samples=packed, rate=self._rate)
        return pb.Tokens(codes=packed, n_q=0 if self._rate is None else self._rate.n_q)


def worded(response: Any) -> bytes | str:
    """A response of the service as a message: bytes are binary, str is text."""
    which = response.WhichOneof("message")
    if which == "tokens":
        tokens = response.tokens
        return _HEADER.pack(_TOKENS, tokens.n_q, tokens.first_frame) + bytes(tokens.codes)
    if which == "audio":
        return _HEADER.pack(_PCM, 0, response.audio.first_sample) + bytes(response.audio.samples)
    message = getattr(response, which)
    fields = {
        field.name: getattr(message, field.name)
        for field in message.DESCRIPTOR.fields
        if field.message_type is None and (not field.has_presence or message.HasField(field.name))
    }
    if which == "opened":
        identity = message.identity
        fields |= {
            "model": identity.model, "version": identity.version, "token_space": identity.token_space,
        }  # fmt: skip
    return orjson.dumps({"type": which, **fields}).decode()


def worded_error(error: ServiceError) -> str:
    """The text message before the stream is closed for an error."""
    fields: dict[str, Any] = {"type": "error", "code": error.condition.name.lower(), "message": error.message}
    if ANSWERS[error.condition].retry:
        fields["retry_after_seconds"] = error.retry_after_seconds or RETRY_AFTER_SECONDS
    return orjson.dumps(fields).decode()


def close_code(condition: Condition) -> int:
    """The code that the connection is closed with."""
    return _CLOSE_CODES.get(condition, 4000 + ANSWERS[condition].http_status)


def _invalid(message: str) -> ServiceError:
    return ServiceError(Condition.INVALID_ARGUMENT, message)
