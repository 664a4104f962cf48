"""A model of ours as a codec under test."""

from pathlib import Path

import numpy as np
import pytest

from codec.errors import InvalidAudioError
from tests.codec.models import publish_tiny
from tests.support import voiced
from tests.training.evaluation.signals import recording
from training.evaluation.coders.coder import Recording
from training.evaluation.coders.model_coder import ModelCoder

pytestmark = pytest.mark.usefixtures("single_thread")

HOP, BITS = 320, 6


def test_bits_are_counted_in_the_file_and_codes_are_those_that_were_written(tmp_path: Path) -> None:
    publish_tiny(tmp_path / "models")
    original = recording(voiced(2.0), tmp_path)
    coders = [ModelCoder("tiny", "tiny", tmp_path / "models", n_q) for n_q in (2, 6)]
    small, large = (coder.code(original) for coder in coders)
    assert small.codes is not None
    assert large.codes is not None
    n_frames = small.codes.shape[1]
    assert 32_000 / HOP <= n_frames <= 32_000 / HOP + 3
    assert small.codes.shape == (2, n_frames)
    assert np.array_equal(small.codes, large.codes[:2])
    # Rows of a block end on whole bytes.
    assert 2 * n_frames * BITS <= small.payload_bits <= 2 * (n_frames * BITS + 8 * 8)
    assert 8 * small.file_bytes > small.payload_bits
    assert len(small.audio) == len(original.samples)
    assert small.lag_samples == 0
    assert small.encode_s > 0
    assert small.decode_s > 0
    assert [coder.label for coder in coders] == ["tiny, n_q 2", "tiny, n_q 6"]
    assert coders[0].family == "tiny"


def test_a_recording_that_cannot_be_read_is_an_error_of_the_library(tmp_path: Path) -> None:
    publish_tiny(tmp_path / "models")
    (tmp_path / "noise.wav").write_bytes(b"this is no audio")
    broken = Recording(tmp_path / "noise.wav", voiced(1.0), 16_000)
    with pytest.raises(InvalidAudioError):
        ModelCoder("tiny", "tiny", tmp_path / "models", 2).code(broken)
