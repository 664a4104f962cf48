"""From the body of a request to samples at the model's rate."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codec.audio import AudioLimits, PcmFormat, Samples, encode_audio, parse_pcm, parse_wav
from codec.audio.writer import AudioFormat
from codec.errors import CodecError
from service.config import Limits
from service.frontend.call import Call
from service.frontend.decoder_pool import DecoderPool
from service.model_info import ModelInfo
from service.status import Condition, ServiceError, service_error

_INLINE_BYTES = 1 << 20
"""Bodies up to this size that need no more than a change of type are handled in the event loop (< 1 ms)."""

_MAX_DECODED_BYTES = 1 << 28


@dataclass(frozen=True, slots=True)
class RawFormat:
    """What headerless samples are."""

    format: PcmFormat
    sample_rate: int
    channels: int


@dataclass(frozen=True, slots=True)
class AudioBody:
    """Audio as it came: a file whose bytes tell what it is, or headerless samples of a stated format."""

    content: bytes
    raw: RawFormat | None = None


class Intake:
    """Turns bodies into samples and samples into files; foreign formats go to confined processes."""

    def __init__(self, limits: Limits, pool: DecoderPool) -> None:
        self._pool = pool
        self._limits = AudioLimits(
            max_seconds=limits.max_audio_seconds,
            min_rate=limits.min_sample_rate_hz,
            max_rate=limits.max_sample_rate_hz,
            max_channels=limits.max_channels,
            max_decoded_bytes=_MAX_DECODED_BYTES,
        )

    async def read(self, body: AudioBody, info: ModelInfo, call: Call) -> Samples:
        """Samples float32 `[sample, channel]` at the model's rate and channel count.

        Raises `ServiceError`: UNSUPPORTED_MEDIA for what is no audio, LIMIT_EXCEEDED, and like the pool.
        """
        if not body.content:
            raise ServiceError(Condition.INVALID_ARGUMENT, "the body is empty; send a WAV, FLAC or OGG file")
        if len(body.content) <= _INLINE_BYTES and (samples := self._read_inline(body, info)) is not None:
            return samples
        header = {
            "task": "read",
            "sample_rate": info.sample_rate,
            "channels": info.channels,
            "limits": vars(self._limits),
            "pcm": _raw_fields(body.raw),
        }
        answer = await self._pool.run(header, body.content, call)
        if len(answer.body) % (4 * info.channels) or not answer.body:
            raise ServiceError(Condition.UNSUPPORTED_MEDIA, "the audio cannot be decoded; send a sound file")
        return np.frombuffer(answer.body, "<f4").reshape(-1, info.channels)

    async def write(
        self, samples: NDArray[np.float32], sample_rate: int, audio_format: AudioFormat, call: Call
    ) -> bytes:
        """A file of samples `[sample, channel]`; large or compressed ones are written outside the loop."""
        if samples.nbytes <= 2 * _INLINE_BYTES and audio_format != "flac":
            return write_samples(samples, sample_rate, audio_format)
        header = {
            "task": "write",
            "sample_rate": sample_rate,
            "channels": samples.shape[1],
            "format": audio_format,
        }
        contiguous = np.ascontiguousarray(samples, "<f4").reshape(-1).view(np.uint8)
        answer = await self._pool.run(header, contiguous.data, call)
        return bytes(answer.body)

    def _read_inline(self, body: AudioBody, info: ModelInfo) -> Samples | None:
        """Samples of a body that is in the model's form already, or None."""
        raw = body.raw
        try:
            if raw is None:
                audio = parse_wav(body.content, self._limits)
            else:
                audio = parse_pcm(body.content, raw.format, raw.sample_rate, self._limits, raw.channels)
        except CodecError as error:
            raise service_error(error) from error
        if audio is None or (audio.sample_rate, audio.channels) != (info.sample_rate, info.channels):
            return None
        return audio.samples.T


def write_samples(samples: NDArray[np.float32], sample_rate: int, audio_format: AudioFormat) -> bytes:
    """A file of samples `[sample, channel]` that a model gave.

    Raises `ServiceError` INTERNAL for NaN and infinity: that is the model's fault, not the caller's.
    """
    try:
        return encode_audio(samples.T, sample_rate, audio_format)
    except CodecError as error:
        raise ServiceError(Condition.INTERNAL, f"the model gave no sound audio: {error}") from error


def _raw_fields(raw: RawFormat | None) -> dict[str, str | int] | None:
    if raw is None:
        return None
    return {"format": raw.format, "sample_rate": raw.sample_rate, "channels": raw.channels}
