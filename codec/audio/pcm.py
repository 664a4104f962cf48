"""Raw samples as bytes, to and from float32."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from codec.audio.signal import Audio, AudioLimits, Samples, check_values
from codec.errors import InvalidAudioError

Buffer = bytes | bytearray | memoryview
Encoding = Literal["u8", "s16", "s24", "s32", "f32", "f64"]
PcmFormat = Literal["pcm_s16le", "pcm_f32le"]

ENCODING_BYTES: dict[Encoding, int] = {"u8": 1, "s16": 2, "s24": 3, "s32": 4, "f32": 4, "f64": 8}
ENCODINGS: dict[PcmFormat, Encoding] = {"pcm_s16le": "s16", "pcm_f32le": "f32"}

_INT16_SCALE = np.float32(32768)
_INT16_STEP = np.float32(1 / 32768)


@dataclass(frozen=True)
class Pcm16:
    """16-bit samples of the same shape as their source, and how many of them had to be clipped."""

    samples: NDArray[np.int16]
    n_clipped: int


def parse_pcm(
    body: Buffer, pcm_format: PcmFormat, sample_rate: int, limits: AudioLimits, channels: int = 1
) -> Audio:
    """Audio from headerless little-endian interleaved samples, at their own rate and channels.

    Raises like `check_pcm`, and `InvalidAudioError` for NaN and infinity.
    """
    check_pcm(body, pcm_format, sample_rate, limits, channels)
    samples = decode(body, ENCODINGS[pcm_format], channels)
    return Audio(samples, sample_rate, source_rate=sample_rate, source_channels=channels)


def check_pcm(
    body: Buffer, pcm_format: PcmFormat, sample_rate: int, limits: AudioLimits, channels: int = 1
) -> None:
    """Check headerless audio without a look at its samples.

    Raises `InvalidAudioError` for an empty body and a byte count that is no whole number of samples, and
    `LimitExceededError` above `limits`.
    """
    limits.check_format(sample_rate, channels)
    sample_bytes = ENCODING_BYTES[ENCODINGS[pcm_format]] * channels
    n_samples, rest = divmod(len(body), sample_bytes)
    if rest:
        raise InvalidAudioError(
            f"{len(body)} bytes are no whole number of {pcm_format} samples of {channels} channel(s); "
            f"send a multiple of {sample_bytes} bytes"
        )
    if n_samples == 0:
        raise InvalidAudioError("the audio has no samples; send at least one")
    limits.check_length(n_samples, sample_rate)
    limits.check_decoded(n_samples, channels)


def decode(body: Buffer, encoding: Encoding, channels: int) -> Samples:
    """Float32 `[channel, sample]` of interleaved little-endian samples.

    `body` must hold whole samples. Raises `InvalidAudioError` for floats that are NaN, infinite or far
    above full scale.
    """
    flat = to_float32(body, encoding)
    if encoding in ("f32", "f64"):
        check_values(flat)
    if channels == 1:
        return flat[None]
    return np.ascontiguousarray(flat.reshape(-1, channels).T)


def to_float32(body: Buffer, encoding: Encoding) -> Samples:
    """Float32 of little-endian samples, as they lie; `body` must hold whole ones."""
    if encoding == "s16":
        samples = np.frombuffer(body, "<i2").astype(np.float32)
        # In place, and by a power of two, which multiplication takes as exactly as division.
        samples *= _INT16_STEP
        return samples
    if encoding == "f32":
        return np.frombuffer(body, "<f4").astype(np.float32)
    if encoding == "f64":
        with np.errstate(over="ignore"):  # beyond float32 becomes infinity, which check_values reports
            return np.frombuffer(body, "<f8").astype(np.float32)
    if encoding == "u8":
        return (np.frombuffer(body, np.uint8).astype(np.float32) - np.float32(128)) / np.float32(128)
    if encoding == "s32":
        return np.frombuffer(body, "<i4").astype(np.float32) / np.float32(2**31)
    wide = np.zeros((len(body) // 3, 4), np.uint8)
    wide[:, 1:] = np.frombuffer(body, np.uint8).reshape(-1, 3)
    return wide.view("<i4")[:, 0].astype(np.float32) / np.float32(2**31)


def to_pcm16(samples: Samples) -> Pcm16:
    """Round float samples of any shape to 16 bits, half to even, clipped at full scale.

    Raises `InvalidAudioError` for NaN and infinity.
    """
    scaled = np.rint(samples * _INT16_SCALE)
    if not np.isfinite(scaled).all():
        raise InvalidAudioError("the audio to write holds NaN or infinity; nothing was written")
    limited = np.clip(scaled, -32768, 32767)
    return Pcm16(limited.astype(np.int16), int(np.count_nonzero(limited != scaled)))


def count_clipped(samples: Samples) -> int:
    """How many samples lie outside what 16 bits can hold, so that a caller can warn."""
    return to_pcm16(samples).n_clipped
