"""Which stretches of the reference are compared."""

import numpy as np
from numpy.typing import NDArray

from codec.errors import InvalidAudioError
from training.visqol.settings import Floats, Settings

FULL_SCALE = 32768
ACTIVE_RMS = 5000.0
HANGOVER_CHUNKS = 2


def patch_starts(reference: Floats, n_frames: int, settings: Settings) -> list[int]:
    """First frames of the patches of `reference` `[sample]`, whose spectrogram has `n_frames` frames.

    Speech mode leaves out patches without voice activity; audio mode takes all. Raises `InvalidAudioError` if
    the reference is too short for a patch or, in speech mode, silent.
    """
    length, first = settings.patch_frames, settings.patch_frames // 2 - 1
    shortest = first + length if settings.mode == "speech" else length + length // 2
    if n_frames < shortest:
        seconds = settings.hop_s * (shortest + 3)
        raise InvalidAudioError(
            f"the reference is too short for ViSQOL's {settings.mode} mode; give at least {seconds:.2f} s"
        )
    if settings.mode == "audio":
        last = max(n_frames - length, length // 2 + 1)
        return [centre - 1 for centre in range(length // 2, last, length)]
    count = (n_frames - first) // length
    active = voice_activity(reference, first, count * length, settings.hop_samples)
    by_patch = active.reshape(count, length)
    return [first + index * length for index in range(count) if by_patch[index].any()]


def voice_activity(signal: Floats, first_sample: int, n_chunks: int, chunk_samples: int) -> NDArray[np.bool_]:
    """Whether each chunk after `first_sample` is loud, or follows a loud one closely, `[chunk]`.

    Loudness is relative to the highest sample; the first two chunks always count. Raises `InvalidAudioError`
    if no sample is above zero.
    """
    highest = signal.max()
    if highest <= 0:
        raise InvalidAudioError("the reference is silent, so ViSQOL is not defined; leave this pair out")
    samples = signal[first_sample : first_sample + n_chunks * chunk_samples] / highest * FULL_SCALE
    integers = np.trunc(np.clip(samples, -FULL_SCALE, FULL_SCALE - 1))
    rms = np.sqrt(np.mean(integers.reshape(n_chunks, chunk_samples) ** 2, axis=1))
    loud = np.asarray(rms >= ACTIVE_RMS)
    active = loud.copy()
    active[:HANGOVER_CHUNKS] = True
    for late in range(1, HANGOVER_CHUNKS + 1):
        active[late:] |= loud[:-late]
    return active
