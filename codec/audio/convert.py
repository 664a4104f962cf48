"""Change of sample rate and channels, for whole signals and for blocks."""

import numpy as np
import soxr

from codec.audio.signal import Audio, Samples
from codec.errors import InvalidAudioError

# libsoxr's 20-bit recipe: aliases and ripple lie below the noise of 16-bit audio at half the time of VHQ.
_QUALITY = soxr.HQ


def resampled_length(n_samples: int, from_rate: int, to_rate: int) -> int:
    """Samples at `to_rate` that cover `n_samples` at `from_rate`: `ceil(n_samples * to_rate / from_rate)`.

    Rounding up keeps the end of the signal, and makes one sample of at least one.
    """
    return -(-n_samples * to_rate // from_rate)


class Converter:
    """Turns blocks of one rate and channel count into another, as one continuous signal.

    All outputs joined have exactly `resampled_length(samples in, from_rate, to_rate)` samples, and are the
    same however the input is cut. Many channels become one by averaging, one becomes many by repetition.
    Raises `InvalidAudioError` for any other change of channels.
    """

    def __init__(self, from_rate: int, to_rate: int, from_channels: int, to_channels: int) -> None:
        if from_channels != to_channels and 1 not in (from_channels, to_channels):
            raise InvalidAudioError(
                f"{from_channels} channels cannot become {to_channels}; mix to {to_channels} or 1 first"
            )
        self._from_rate = from_rate
        self._to_rate = to_rate
        self._to_channels = to_channels
        self._carried_channels = min(from_channels, to_channels)
        self._taken = 0
        self._given = 0
        self._stream = (
            None
            if from_rate == to_rate
            else soxr.ResampleStream(from_rate, to_rate, self._carried_channels, quality=_QUALITY)
        )

    def process(self, block: Samples) -> Samples:
        """Convert the next samples, `[channel, sample]`; some stay inside until more or `flush` comes."""
        if block.shape[0] > self._carried_channels:
            block = block.mean(axis=0, keepdims=True)
        self._taken += block.shape[1]
        return self._emit(self._resample(block, last=False))

    def flush(self) -> Samples:
        """The samples still inside, `[channel, sample]`; nothing may be processed afterwards."""
        # One output sample's worth of silence, so that the resampler also gives a last sample that is
        # only partly covered by input.
        silence = np.zeros((self._carried_channels, -(-self._from_rate // self._to_rate)), np.float32)
        left = resampled_length(self._taken, self._from_rate, self._to_rate) - self._given
        return self._emit(self._resample(silence, last=True)[:, :left])

    def _resample(self, block: Samples, last: bool) -> Samples:
        if self._stream is None:
            return block
        out: Samples = self._stream.resample_chunk(np.ascontiguousarray(block.T, np.float32), last=last)
        return np.ascontiguousarray(out.T)

    def _emit(self, block: Samples) -> Samples:
        self._given += block.shape[1]
        if self._to_channels > block.shape[0]:
            return np.repeat(block, self._to_channels, axis=0)
        return block


def convert(audio: Audio, sample_rate: int, channels: int) -> Audio:
    """The same audio at another rate and channel count; see `Converter`."""
    if (audio.sample_rate, audio.channels) == (sample_rate, channels):
        return audio
    converter = Converter(audio.sample_rate, sample_rate, audio.channels, channels)
    samples = np.concatenate([converter.process(audio.samples), converter.flush()], axis=1)
    return Audio(samples, sample_rate, audio.source_rate, audio.source_channels, audio.notes)
