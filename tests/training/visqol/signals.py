"""Signals whose scores are known: voiced sounds made by a formula, and the public conformance recordings."""

from pathlib import Path

import numpy as np
import soundfile

from tests.support import shared_dir
from training.visqol.settings import Floats

GOLDEN_RATE = 16_000
RECORDING_RATE = 48_000


def golden_reference() -> Floats:
    """Three seconds of 40 harmonics of 140 Hz that swell and fade three times a second, at 16 kHz."""
    time = np.arange(3 * GOLDEN_RATE) / GOLDEN_RATE
    voice = np.zeros(len(time))
    for k in range(1, 41):
        voice += np.sin(2 * np.pi * 140 * k * time + 0.3 * k) / k
    return 0.2 * voice * (0.55 + 0.45 * np.sin(2 * np.pi * 3.1 * time))


def golden_degraded() -> dict[str, Floats]:
    """The reference coarsely quantised (A), that 37 samples late (B), at half level (C), low-passed (D)."""
    reference = golden_reference()
    coarse = np.round(32 * reference) / 32
    return {
        "A": coarse,
        "B": np.concatenate([np.zeros(37), coarse])[: len(coarse)],
        "C": reference / 2,
        "D": np.convolve(reference, np.full(8, 1 / 8))[: len(reference)],
    }


def recording(name: str) -> Floats:
    """A conformance recording `[channel, sample]` at 48 kHz."""
    audio, rate = soundfile.read(shared_dir() / "visqol" / f"{name}.flac", dtype="float64", always_2d=True)
    assert rate == RECORDING_RATE
    return np.asarray(audio.T, dtype=np.float64)


def svr_model() -> Path:
    """The regression file of audio mode."""
    return shared_dir() / "visqol" / "libsvm_nu_svr_model.txt"
