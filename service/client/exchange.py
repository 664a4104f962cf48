"""Requests and answers of the REST interface, common to both clients."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import soundfile
from numpy.typing import NDArray

from codec.audio import Audio, AudioLimits, parse_wav
from codec.container import read_cdc, write_cdc
from codec.errors import InvalidAudioError
from codec.tokens import Tokens
from service.client.errors import from_response
from service.model_info import ModelInfo

AudioInput = bytes | Path | NDArray[np.float32]
"""An audio file as bytes or by path, or samples `[sample]` or `[channel, sample]`."""

TokensInput = Tokens | bytes
"""Tokens, or a `.cdc` file as bytes."""

_MODEL_FIELDS = ModelInfo.__dataclass_fields__


@dataclass(frozen=True, slots=True)
class Selection:
    """Which model and how many codebooks; all left out means the service's default model and n_q.

    `model`: `name`, `name@version` or `name@channel`. `n_q` or `bitrate_bps`, not both.
    """

    model: str | None = None
    n_q: int | None = None
    bitrate_bps: int | None = None

    def query(self) -> dict[str, str | int]:
        """As parameters of a URL."""
        fields = {"model": self.model, "n_q": self.n_q, "bitrate_bps": self.bitrate_bps}
        return {name: value for name, value in fields.items() if value is not None}


def audio_body(audio: AudioInput, sample_rate: int) -> bytes:
    """A file's bytes as they are; samples as a float WAV of `sample_rate` Hz.

    Raises `OSError` for a path that cannot be read.
    """
    if isinstance(audio, bytes):
        return audio
    if isinstance(audio, Path):
        return audio.read_bytes()
    out = io.BytesIO()
    soundfile.write(out, np.atleast_2d(audio).T, sample_rate, format="WAV", subtype="FLOAT")
    return out.getvalue()


def tokens_body(tokens: TokensInput) -> bytes:
    """A `.cdc` file."""
    return tokens if isinstance(tokens, bytes) else write_cdc(tokens)


def content_of(response: httpx.Response) -> bytes:
    """The body of an answer; raises `ClientError` for any other than a good one."""
    if response.status_code != 200:
        raise from_response(response)
    return response.content


def tokens_of(response: httpx.Response) -> Tokens:
    """The tokens that the service sent."""
    return read_cdc(content_of(response))


def audio_of(response: httpx.Response) -> Audio:
    """The audio that the service sent."""
    audio = parse_wav(content_of(response), AudioLimits())
    if audio is None:
        raise InvalidAudioError("the service sent no WAV file; is a proxy in between?")
    return audio


def models_of(response: httpx.Response) -> list[ModelInfo]:
    """The models that the service serves; fields that a newer or an older service has are left out."""
    content_of(response)
    models: list[dict[str, Any]] = response.json()["models"]
    return [ModelInfo(**{name: model[name] for name in _MODEL_FIELDS if name in model}) for model in models]
