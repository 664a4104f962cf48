"""Opus, where its programs are installed."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.training.evaluation.signals import recording, spoken
from training.evaluation.coders.opus import OpusCoder, opus_version
from training.evaluation.metrics.metric import Pair
from training.evaluation.metrics.si_sdr import si_sdr

pytestmark = pytest.mark.skipif(
    shutil.which("opusenc") is None or shutil.which("opusdec") is None, reason="needs opus-tools"
)


@pytest.mark.parametrize("bitrate_bps", [6_000, 16_000])
def test_it_takes_about_its_bitrate_and_comes_back_aligned(bitrate_bps: int, tmp_path: Path) -> None:
    original = recording(spoken(), tmp_path)
    coded = OpusCoder(bitrate_bps).code(original)
    assert coded.audio.dtype == np.float32
    assert len(coded.audio) == len(original.samples)
    assert coded.payload_bits / original.seconds == pytest.approx(bitrate_bps, rel=0.25)
    assert 8 * coded.file_bytes > coded.payload_bits
    assert abs(coded.lag_samples) <= 2
    assert si_sdr().prepare()(Pair(original.samples, coded.audio, 16_000)) > 3
    assert coded.encode_s > 0
    assert coded.decode_s > 0


def test_the_labels_tell_codec_and_target() -> None:
    assert (OpusCoder(6_000).family, OpusCoder(6_500).label) == ("Opus", "Opus 6.5 kbit/s")
    assert opus_version().startswith("opusenc ")
