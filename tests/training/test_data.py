"""Audio for training: what is read, what is skipped and named, and batches that depend on nothing else."""

import logging
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from codec.errors import InvalidAudioError
from tests.support import voiced
from training.data import AudioFolder
from training.recipe import DataConfig

RATE = 16000
CROP = 4000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "a.wav", voiced(1), RATE)
    (tmp_path / "deep").mkdir()
    soundfile.write(tmp_path / "deep" / "b.flac", voiced(0.5, sample_rate_hz=8000), 8000)
    stereo = np.stack([voiced(0.25), -voiced(0.25)], axis=1)
    soundfile.write(tmp_path / "c.wav", stereo, RATE)
    (tmp_path / "notes.txt").write_text("no audio")
    return tmp_path


def test_everything_is_read_at_one_rate_as_mono(folder: Path) -> None:
    audio = AudioFolder(folder, RATE)
    assert sorted(len(clip) for clip in audio.clips) == [4000, 8000, 16000]
    assert audio.seconds == 1.75
    assert audio.broken == []
    cancelled = next(clip for clip in audio.clips if len(clip) == 4000)
    assert not cancelled.any()
    original = next(clip for clip in audio.clips if len(clip) == 16000)
    np.testing.assert_allclose(original / 32768, voiced(1), atol=1e-4)


def test_broken_files_are_skipped_and_named(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "empty.wav").touch()
    (folder / "noise.flac").write_bytes(b"fLaC" + bytes(100))
    (folder / "folder.wav").mkdir()
    soundfile.write(folder / "short.wav", np.zeros(10), RATE)
    spoiled = voiced(1)
    spoiled[500] = np.nan
    soundfile.write(folder / "nan.wav", spoiled, RATE, subtype="FLOAT")
    with caplog.at_level(logging.WARNING):
        audio = AudioFolder(folder, RATE)
    reasons = {item.path.name: item.reason for item in audio.broken}
    assert sorted(reasons) == ["empty.wav", "folder.wav", "nan.wav", "noise.flac", "short.wav"]
    assert reasons["nan.wav"] == "holds NaN or infinity"
    assert reasons["short.wav"] == "shorter than 0.1 s"
    assert len(audio.clips) == 3
    for name in reasons:
        assert name in caplog.text


def test_a_folder_without_usable_audio_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InvalidAudioError, match=r"data\.train must be a folder with audio files"):
            AudioFolder(folder, RATE)
    (tmp_path / "bad.wav").write_text("text")
    with pytest.raises(InvalidAudioError, match=r"none of the 1 files .* the first is .*bad\.wav: "):
        AudioFolder(tmp_path, RATE)


def test_a_batch_is_a_function_of_seed_and_step(folder: Path) -> None:
    config = DataConfig(batch_items=4)
    first, second = AudioFolder(folder, RATE), AudioFolder(folder, RATE)
    batches = [first.batch(config, CROP, 1, step) for step in (0, 1, 2)]
    assert batches[0].shape == (4, 1, CROP)
    assert batches[0].dtype == torch.float32
    assert torch.equal(second.batch(config, CROP, 1, 1), batches[1])
    assert not torch.equal(batches[0], batches[1])
    assert not torch.equal(first.batch(config, CROP, 2, 1), batches[1])


def test_a_clip_shorter_than_the_crop_is_padded_with_silence(folder: Path) -> None:
    audio = AudioFolder(folder, RATE)
    batch = audio.batch(DataConfig(batch_items=16), 20_000, 0, 0)
    longest = [int(row.nonzero().max()) for row in batch[:, 0] if row.any()]
    assert max(longest) < 16000


def test_levels_vary_inside_the_bounds_and_never_clip(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.full(RATE, 0.5), RATE)
    audio = AudioFolder(tmp_path, RATE)
    quiet = audio.batch(DataConfig(batch_items=200, gain_db=(-12, -6)), CROP, 0, 0).amax((1, 2))
    assert 0.5 * 10 ** (-12 / 20) * 0.99 < float(quiet.min()) < 0.14
    assert 0.23 < float(quiet.max()) < 0.5 * 10 ** (-6 / 20) * 1.01
    loud = audio.batch(DataConfig(batch_items=10, gain_db=(20, 20)), CROP, 0, 0)
    assert float(loud.max()) == pytest.approx(1)


def test_longer_clips_are_heard_more_often(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "long.wav", np.full(9 * RATE, 0.5), RATE)
    soundfile.write(tmp_path / "short.wav", np.full(RATE, -0.5), RATE)
    batch = AudioFolder(tmp_path, RATE).batch(DataConfig(batch_items=400), 100, 0, 0)
    assert 0.85 < float((batch[:, 0, 0] > 0).float().mean()) < 0.95
