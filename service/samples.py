"""Samples as bytes, in the two forms in which they travel between clients, front end and workers."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from codec.audio import PcmFormat
from codec.audio.pcm import to_float32, to_pcm16
from codec.errors import InvalidAudioError


class SampleForm(IntEnum):
    """Little-endian, channels interleaved. 16 bits are what nearly all audio comes and goes in: as floats it
    would be twice as much to carry."""

    F32 = 0
    S16 = 1

    @property
    def sample_bytes(self) -> int:
        """Bytes of a sample of one channel."""
        return 2 if self is SampleForm.S16 else 4

    @property
    def pcm_format(self) -> PcmFormat:
        """Its name."""
        return "pcm_s16le" if self is SampleForm.S16 else "pcm_f32le"


@dataclass(frozen=True, slots=True)
class Pcm:
    """`n_samples` per channel."""

    content: bytes | memoryview
    form: SampleForm
    n_samples: int


def unpack(content: bytes | memoryview, form: SampleForm, channels: int) -> NDArray[np.float32]:
    """Float32 `[sample, channel]` of whole samples, whatever their values."""
    if form is SampleForm.S16:
        return to_float32(content, "s16").reshape(-1, channels)
    return np.frombuffer(content, "<f4").reshape(-1, channels)


def pack(samples: NDArray[np.float32], form: SampleForm) -> bytes:
    """Samples `[sample, channel]` as bytes; 16 bits are rounded half to even and clipped.

    Raises `InvalidAudioError` for NaN and infinity.
    """
    if form is SampleForm.S16:
        return to_pcm16(samples).samples.astype("<i2", copy=False).tobytes()
    if not np.isfinite(samples).all():
        raise InvalidAudioError("the audio holds NaN or infinity")
    return samples.astype("<f4", copy=False).tobytes()
