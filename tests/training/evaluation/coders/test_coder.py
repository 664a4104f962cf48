"""Recordings."""

from pathlib import Path

import numpy as np

from codec.audio import read_audio
from tests.support import voiced
from tests.training.evaluation.signals import recording


def test_a_recording_knows_its_length_and_gives_a_wav_file(tmp_path: Path) -> None:
    original = recording(voiced(0.5), tmp_path)
    assert original.seconds == 0.5
    read = read_audio(original.wav(), 16_000)
    assert read.sample_rate == 16_000
    assert np.abs(read.samples[0] - original.samples).max() <= 0.5 / 32768
