"""Query strings of the REST interface; parsed once for all requests that share one."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeVar, get_args
from urllib.parse import parse_qsl

from codec.audio.writer import AudioFormat
from service.frontend.rate import Rate
from service.frontend.selector import ModelSelector
from service.status import Condition, ServiceError

TokensFormat = Literal["cdc", "json", "npy"]

T = TypeVar("T")

_MAX_NUMBER_DIGITS = 12
_MAX_QUERY_BYTES = 1024


@dataclass(frozen=True, slots=True)
class EncodeQuery:
    """What `POST /encode` is asked for."""

    selector: ModelSelector
    rate: Rate
    format: TokensFormat


@dataclass(frozen=True, slots=True)
class DecodeQuery:
    """What `POST /decode` and `POST /reconstruct` are asked for; `/decode` takes no rate."""

    selector: ModelSelector
    rate: Rate
    format: AudioFormat


@lru_cache(maxsize=1024)
def encode_query(query: bytes) -> EncodeQuery:
    """Raises `ServiceError` INVALID_ARGUMENT for unknown, repeated or malformed parameters."""
    fields = _fields(query, ("model", "n_q", "bitrate_bps", "format"))
    form: TokensFormat = _choice(fields, get_args(TokensFormat))
    return EncodeQuery(_selector(fields), _rate(fields), form)


@lru_cache(maxsize=1024)
def decode_query(query: bytes) -> DecodeQuery:
    """Raises like `encode_query`."""
    fields = _fields(query, ("model", "format"))
    return DecodeQuery(_selector(fields), Rate(), _audio_format(fields))


@lru_cache(maxsize=1024)
def reconstruct_query(query: bytes) -> DecodeQuery:
    """Raises like `encode_query`."""
    fields = _fields(query, ("model", "n_q", "bitrate_bps", "format"))
    return DecodeQuery(_selector(fields), _rate(fields), _audio_format(fields))


def _fields(query: bytes, known: tuple[str, ...]) -> dict[str, str]:
    # What parses is kept for the next request.
    if len(query) > _MAX_QUERY_BYTES:
        raise _invalid(f"the query is longer than {_MAX_QUERY_BYTES} bytes; there are: {', '.join(known)}")
    fields: dict[str, str] = {}
    for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if name not in known:
            raise _invalid(f"unknown parameter {name!r}; there are: {', '.join(known)}")
        if name in fields:
            raise _invalid(f"parameter {name} is given twice; give it once")
        fields[name] = value
    return fields


def _selector(fields: dict[str, str]) -> ModelSelector:
    return ModelSelector.parse(fields["model"]) if "model" in fields else ModelSelector()


def _rate(fields: dict[str, str]) -> Rate:
    rate = Rate(_number(fields, "n_q"), _number(fields, "bitrate_bps"))
    if rate.n_q is not None and rate.bitrate_bps is not None:
        raise _invalid("n_q and bitrate_bps are both given; give one of them")
    return rate


def _number(fields: dict[str, str], name: str) -> int | None:
    text = fields.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_NUMBER_DIGITS):
        raise _invalid(f"{name} is {text[:40]!r}; give a whole number")
    return int(text)


def _audio_format(fields: dict[str, str]) -> AudioFormat:
    choices: tuple[AudioFormat, ...] = ("wav", "flac", "pcm_s16le", "pcm_f32le")
    return _choice(fields, choices)


def _choice(fields: dict[str, str], choices: tuple[T, ...]) -> T:
    text = fields.get("format", choices[0])
    if text not in choices:
        raise _invalid(f"format is {text!r}; choose one of {', '.join(map(str, choices))}")
    return choices[choices.index(text)]


def _invalid(message: str) -> ServiceError:
    return ServiceError(Condition.INVALID_ARGUMENT, message)
