"""Pairs of signals and recordings for the tests of metrics and codecs."""

from pathlib import Path

import numpy as np

from codec.audio import encode_audio, read_audio
from tests.support import SAMPLE_RATE_HZ, speech, voiced
from training.evaluation.coders.coder import Recording
from training.evaluation.metrics.metric import Pair, Signal


def noise(n_samples: int, seed: int = 0) -> Signal:
    """White noise of power 1."""
    return np.random.default_rng(seed).standard_normal(n_samples).astype(np.float32)


def noisy(snr_db: float, seconds: float = 2.0) -> Pair:
    """Voiced sound, and the same with noise so many dB below it."""
    reference = voiced(seconds)
    gain = np.sqrt(np.mean(reference**2)) * 10 ** (-snr_db / 20)
    return Pair(reference, reference + np.float32(gain) * noise(len(reference)), SAMPLE_RATE_HZ)


def silent() -> Pair:
    """Nothing, and a little noise."""
    return Pair(np.zeros(32_000, np.float32), 0.01 * noise(32_000), SAMPLE_RATE_HZ)


def spoken(seconds: float = 3.0) -> Signal:
    """The beginning of a clip of real speech at 16 kHz."""
    return read_audio(speech(1)[0], SAMPLE_RATE_HZ).samples[0, : round(seconds * SAMPLE_RATE_HZ)]


def recording(samples: Signal, folder: Path) -> Recording:
    """A recording in a file of its own."""
    path = folder / "recording.wav"
    path.write_bytes(encode_audio(samples[None], SAMPLE_RATE_HZ, "wav"))
    return Recording(path, samples, SAMPLE_RATE_HZ)
