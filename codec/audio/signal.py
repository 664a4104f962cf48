"""Audio in memory, and the limits that any audio from outside has to keep."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codec.errors import InvalidAudioError, LimitExceededError

Samples = NDArray[np.float32]

TRUNCATED = "truncated"
"""Note: the input ended before the length that it announced; the samples are the intact ones."""

STREAMED = "streamed"
"""Note: the header left the length open, as programs do that write to a pipe; all samples are there."""

MAX_ABS_SAMPLE = 16.0
"""Largest sample accepted, 24 dB over full scale: beyond it floats hold integers or nonsense."""

_BYTES_PER_SAMPLE = 4


@dataclass(frozen=True)
class Audio:
    """Decoded audio: `samples` float32 `[channel, sample]` at `sample_rate` Hz, at least one sample.

    `source_rate` and `source_channels` tell what the input had before resampling and mixing; `notes` is
    empty or names what was odd about it (`TRUNCATED`, `STREAMED`).
    """

    samples: Samples
    sample_rate: int
    source_rate: int
    source_channels: int
    notes: tuple[str, ...] = ()

    @property
    def n_samples(self) -> int:
        """Samples per channel."""
        return int(self.samples.shape[1])

    @property
    def channels(self) -> int:
        """Number of channels."""
        return int(self.samples.shape[0])

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.n_samples / self.sample_rate


@dataclass(frozen=True)
class AudioLimits:
    """What audio from outside may be, counted while it is decoded.

    `max_seconds` of input; `min_rate`..`max_rate` in Hz; `max_channels`; `max_decoded_bytes`: float32
    bytes at the input's own rate and channels that one call may hold in memory (`AudioReader` holds only
    a block, so it does not count them).
    """

    max_seconds: float = 24 * 3600.0
    min_rate: int = 8_000
    max_rate: int = 192_000
    max_channels: int = 8
    max_decoded_bytes: int = 2**30

    def check_format(self, sample_rate: int, channels: int) -> None:
        """Raise `LimitExceededError` unless rate and channel count are inside the limits."""
        if not self.min_rate <= sample_rate <= self.max_rate:
            raise LimitExceededError(
                f"a sample rate of {sample_rate} Hz is outside {self.min_rate}..{self.max_rate} Hz; "
                "resample first"
            )
        if not 1 <= channels <= self.max_channels:
            raise LimitExceededError(
                f"{channels} channels are outside 1..{self.max_channels}; mix down first"
            )

    def check_length(self, n_samples: int, sample_rate: int) -> None:
        """Raise `LimitExceededError` if `n_samples` per channel last longer than `max_seconds`."""
        if n_samples > self.max_seconds * sample_rate:
            raise LimitExceededError(f"the audio is longer than {self.max_seconds:g} s; send it in parts")

    def check_decoded(self, n_samples: int, channels: int) -> None:
        """Raise `LimitExceededError` if that much float32 audio is above `max_decoded_bytes`."""
        if n_samples * channels * _BYTES_PER_SAMPLE > self.max_decoded_bytes:
            raise LimitExceededError(
                f"the audio needs more than {self.max_decoded_bytes} bytes when decoded; "
                "send it in parts or read it block by block"
            )


def check_values(samples: Samples) -> None:
    """Raise `InvalidAudioError` if any sample is NaN, infinite or far above full scale."""
    if samples.size == 0:
        return
    # One comparison sees everything: NaN wins in max and min, and compares false.
    if max(samples.max(), -samples.min()) <= MAX_ABS_SAMPLE:
        return
    if not np.isfinite(samples).all():
        raise InvalidAudioError("the audio holds NaN or infinity; clean it before coding")
    raise InvalidAudioError(
        f"float samples reach {float(np.abs(samples).max()):g} where full scale is 1; "
        "divide integer samples by their full scale first"
    )
