"""Codec 2, where its programs are installed."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.training.evaluation.signals import recording, spoken
from training.evaluation.coders.alignment import envelope_lag
from training.evaluation.coders.codec2 import MODES, Codec2Coder

pytestmark = pytest.mark.skipif(
    shutil.which("c2enc") is None or shutil.which("c2dec") is None, reason="needs codec2"
)


@pytest.mark.parametrize("mode", MODES)
def test_it_takes_its_bitrate_and_comes_back_aligned(mode: int, tmp_path: Path) -> None:
    original = recording(spoken(), tmp_path)
    coded = Codec2Coder(mode).code(original)
    assert coded.audio.dtype == np.float32
    assert len(coded.audio) == len(original.samples)
    # Up to two frames more than the recording, for the delay.
    assert mode <= coded.payload_bits / original.seconds < mode * 1.04
    assert 0 < coded.lag_samples < 800
    assert abs(envelope_lag(original.samples, coded.audio, 16_000, -400, 400)) <= 1


def test_the_end_is_not_lost(tmp_path: Path) -> None:
    ends_loud = recording(spoken()[: 2 * 16_000], tmp_path)
    coded = Codec2Coder(1200).code(ends_loud)
    powers = [float(np.mean(x[-320:] ** 2)) for x in (ends_loud.samples, coded.audio)]
    assert powers[1] > 0.05 * powers[0] > 0


def test_the_labels_tell_codec_and_mode() -> None:
    assert (Codec2Coder(3200).family, Codec2Coder(3200).label) == ("Codec 2", "Codec 2 3200")
