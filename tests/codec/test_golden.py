"""Golden vectors prove that a load runs the model that was published."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from codec.errors import RepositoryError
from codec.golden import (
    CODES_FILE,
    INPUT_FILE,
    golden_mismatch,
    golden_signal,
    read_golden,
    write_golden,
)
from tests.codec.models import TINY, noise, random_codec

RATE = 16000

pytestmark = pytest.mark.usefixtures("single_thread")


def test_what_was_written_is_read_and_reproduced(tmp_path: Path) -> None:
    codec = random_codec()
    written = write_golden(codec, noise(1, 8000), tmp_path)
    golden = read_golden(tmp_path, TINY)
    assert torch.equal(golden.audio, written.audio)
    assert torch.equal(golden.codes, written.codes)
    assert golden.codes.shape == (1, 6, codec.config.frames_for(8000))
    assert golden_mismatch(codec, golden) == 0


def test_loud_audio_is_kept_as_16_bit_samples_hold_it(tmp_path: Path) -> None:
    golden = write_golden(random_codec(), noise(1, 4000) * 30, tmp_path)
    assert float(golden.audio.abs().max()) <= 1
    assert golden_mismatch(random_codec(), read_golden(tmp_path, TINY)) == 0


def test_another_model_does_not_reproduce_them(tmp_path: Path) -> None:
    write_golden(random_codec(), noise(1, 8000), tmp_path)
    golden = read_golden(tmp_path, TINY)
    assert golden_mismatch(random_codec(seed=1), golden) > 0.5
    nudged = random_codec()
    nudged.encoder.leave.bias.add_(0.5)
    assert golden_mismatch(nudged, golden) > 0.02


def test_codes_of_another_shape_are_a_total_mismatch(tmp_path: Path) -> None:
    write_golden(random_codec(), noise(1, 8000), tmp_path)
    np.save(tmp_path / CODES_FILE, np.load(tmp_path / CODES_FILE)[:, :-1])
    assert golden_mismatch(random_codec(), read_golden(tmp_path, TINY)) == 1


def as_archive(path: Path) -> None:
    np.savez(path.with_suffix(".npz"), codes=np.zeros((2, 2), np.uint16))
    path.with_suffix(".npz").rename(path)


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda p: p.unlink(), "cannot be read"),
        (lambda p: p.write_bytes(b""), "cannot be read"),
        (lambda p: p.write_bytes(p.read_bytes()[:-7]), "cannot be read"),
        (lambda p: p.write_bytes(b"\x80\x04K\x01."), "cannot be read"),
        (as_archive, "cannot be read"),
        (lambda p: np.save(p, np.zeros((6, 4), np.int64)), r"holds int64 \(6, 4\)"),
        (lambda p: np.save(p, np.zeros(6, np.uint16)), r"holds uint16 \(6,\)"),
        (lambda p: np.save(p, np.array([{}], dtype=object), allow_pickle=True), "cannot be read"),
    ],
)
def test_damaged_codes_are_refused(tmp_path: Path, spoil: Callable[[Path], object], complaint: str) -> None:
    write_golden(random_codec(), noise(1, 4000), tmp_path)
    spoil(tmp_path / CODES_FILE)
    with pytest.raises(RepositoryError, match=complaint):
        read_golden(tmp_path, TINY)


@pytest.mark.parametrize(
    ("shape", "rate"), [((RATE, 2), RATE), ((8000,), 8000), ((61 * RATE,), RATE), ((0,), RATE)]
)
def test_a_clip_of_another_kind_is_refused(tmp_path: Path, shape: tuple[int, ...], rate: int) -> None:
    write_golden(random_codec(), noise(1, 4000), tmp_path)
    soundfile.write(tmp_path / INPUT_FILE, np.zeros(shape, np.int16), rate, format="WAV")
    with pytest.raises(RepositoryError, match="must have 1 channels, 16000 Hz and at most 60 s"):
        read_golden(tmp_path, TINY)


def test_a_clip_that_is_no_audio_is_refused(tmp_path: Path) -> None:
    write_golden(random_codec(), noise(1, 4000), tmp_path)
    (tmp_path / INPUT_FILE).write_bytes(b"not audio")
    with pytest.raises(RepositoryError, match="cannot be read"):
        read_golden(tmp_path, TINY)


def test_the_synthetic_clip_has_sound_and_silence() -> None:
    signal = golden_signal(RATE)[0, 0]
    assert signal.shape == (3 * RATE,)
    assert 0.1 < float(signal.abs().max()) < 1
    assert not signal[int(2.6 * RATE) :].any()
    assert torch.equal(golden_signal(RATE)[0, 0], signal)
