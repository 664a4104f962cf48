"""From the body of a request to samples at the model's rate."""

from dataclasses import dataclass

import numpy as np

from codec.audio import AudioLimits, PcmFormat
from codec.audio.pcm import ENCODINGS, Encoding, check_pcm, decode
from codec.audio.wav import open_wav
from codec.audio.writer import AudioFormat, wav_header
from codec.errors import CodecError
from service.config import Limits
from service.frontend.call import Call
from service.frontend.decoder_pool import DecoderPool
from service.model_info import ModelInfo
from service.samples import Pcm, SampleForm
from service.status import Condition, ServiceError, service_error

_INLINE_BYTES = 1 << 20
"""Samples up to this size that need no more than a change of type are changed in the event loop (< 1 ms)."""

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

    async def read(self, body: AudioBody, info: ModelInfo, call: Call) -> Pcm:
        """Samples at the model's rate and channel count, in the form in which they came if that may be.

        Raises `ServiceError`: UNSUPPORTED_MEDIA for what is no audio, LIMIT_EXCEEDED, and like the pool.
        """
        if not body.content:
            raise ServiceError(Condition.INVALID_ARGUMENT, "the body is empty; send a WAV, FLAC or OGG file")
        if (pcm := self._read_inline(body, info)) is not None:
            return pcm
        header = {
            "task": "read",
            "sample_rate": info.sample_rate,
            "channels": info.channels,
            "limits": vars(self._limits),
            "pcm": _raw_fields(body.raw),
        }
        answer = await self._pool.run(header, body.content, call)
        n_samples, rest = divmod(len(answer.body), 4 * info.channels)
        if rest or not n_samples:
            raise ServiceError(Condition.UNSUPPORTED_MEDIA, "the audio cannot be decoded; send a sound file")
        return Pcm(memoryview(answer.body), SampleForm.F32, n_samples)

    async def write(self, pcm: Pcm, info: ModelInfo, audio_format: AudioFormat, call: Call) -> bytes:
        """A file of samples of the form that `form_of` names; FLAC is made outside the loop."""
        rate, channels = info.sample_rate, info.channels
        if audio_format == "flac":
            header = {"task": "write", "sample_rate": rate, "channels": channels}
            answer = await self._pool.run(header, memoryview(pcm.content), call)
            return bytes(answer.body)
        if audio_format == "wav":
            return wav_header(pcm.n_samples, rate, channels) + pcm.content
        return bytes(pcm.content)

    def _read_inline(self, body: AudioBody, info: ModelInfo) -> Pcm | None:
        """Samples of a body that is in the model's form already, or None; 16 bits go on as they came."""
        try:
            return (
                self._of_wav(body.content, info) if body.raw is None else self._of_raw(body, body.raw, info)
            )
        except CodecError as error:
            raise service_error(error) from error

    def _of_wav(self, content: bytes, info: ModelInfo) -> Pcm | None:
        wav = open_wav(content, self._limits)
        if wav is None or (wav.sample_rate, wav.channels) != (info.sample_rate, info.channels):
            return None
        return _pcm_of(wav.content, wav.encoding, wav.channels)

    def _of_raw(self, body: AudioBody, raw: RawFormat, info: ModelInfo) -> Pcm | None:
        check_pcm(body.content, raw.format, raw.sample_rate, self._limits, raw.channels)
        if (raw.sample_rate, raw.channels) != (info.sample_rate, info.channels):
            return None
        return _pcm_of(memoryview(body.content), ENCODINGS[raw.format], raw.channels)


def form_of(audio_format: AudioFormat) -> SampleForm:
    """The form of samples that are to become a file of the format."""
    return SampleForm.F32 if audio_format == "pcm_f32le" else SampleForm.S16


def _pcm_of(content: memoryview, encoding: Encoding, channels: int) -> Pcm | None:
    """Samples of one encoding; None for what takes too long to convert here."""
    if encoding == "s16":
        return Pcm(content, SampleForm.S16, len(content) // (2 * channels))
    if len(content) > _INLINE_BYTES:
        return None
    samples = np.ascontiguousarray(decode(content, encoding, channels).T, "<f4")
    return Pcm(samples.tobytes(), SampleForm.F32, len(samples))


def _raw_fields(raw: RawFormat | None) -> dict[str, str | int] | None:
    if raw is None:
        return None
    return {"format": raw.format, "sample_rate": raw.sample_rate, "channels": raw.channels}
