"""Recordings in memory and on the disk: the same samples, and broken files skipped and named."""

import logging
from pathlib import Path

import numpy as np
import pytest
import soundfile

from codec.errors import ConfigError, InvalidAudioError
from codec.model_config import load_model_config
from tests.support import voiced
from training.audio_store import DiskStore, Format, MemoryStore, UnusableError, format_of, open_store
from training.recordings import find_recordings

RATE = 16000
MONO = Format(RATE, 1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "a.wav", voiced(1), RATE)
    (tmp_path / "deep").mkdir()
    soundfile.write(tmp_path / "deep" / "b.flac", voiced(0.5, sample_rate_hz=8000), 8000)
    tone = 0.3 * np.sin(np.arange(RATE // 4))
    stereo = np.stack([tone, -tone], axis=1)
    soundfile.write(tmp_path / "c.wav", stereo, RATE)
    (tmp_path / "notes.txt").write_text("no audio")
    return tmp_path


def test_everything_is_read_at_one_rate_as_mono(folder: Path) -> None:
    store = MemoryStore(find_recordings([folder]), MONO)
    assert store.lengths.tolist() == [16000, 4000, 8000]
    assert store.broken == []
    assert not store.read(1, 0, 4000).samples.any()
    original = store.read(0, 0, 20000).samples
    assert original.shape == (1, 16000)
    np.testing.assert_allclose(original[0], voiced(1), atol=1e-4)


def test_the_disk_gives_what_memory_gives(folder: Path) -> None:
    memory, disk = (Store(find_recordings([folder]), MONO) for Store in (MemoryStore, DiskStore))
    assert memory.lengths.tolist() == disk.lengths.tolist()
    for index, start, count in ((0, 0, 16000), (0, 700, 3000), (0, 15000, 3000), (1, 100, 50)):
        found, wanted = (store.read(index, start, count).samples for store in (disk, memory))
        # In memory there are 16 bits, and the mean of two channels may be half a step.
        np.testing.assert_allclose(found, wanted, atol=2e-5 if index else 0, strict=True)
    # At another rate, what surrounds a piece reaches into it only as far as the resampler's ringing.
    for start in (0, 1000, 5000):
        found, wanted = (store.read(2, start, 2000).samples for store in (disk, memory))
        assert found.shape == (1, 2000)
        np.testing.assert_allclose(found, wanted, atol=2e-3, strict=True)


def test_stereo_models_hear_both_channels(folder: Path) -> None:
    soundfile.write(folder / "six.wav", np.zeros((RATE, 6)), RATE)
    store = MemoryStore(find_recordings([folder]), Format(RATE, 2))
    left, right = store.read(1, 0, 4000).samples
    assert left.any()
    # 16 bits hold -1, and not 1.
    np.testing.assert_allclose(left, -right, atol=1e-4)
    left, right = store.read(0, 0, 4000).samples
    np.testing.assert_array_equal(left, right)
    assert [item.reason for item in store.broken] == ["has 6 channels, the model 2"]


@pytest.mark.parametrize("memory_bytes", [1e9, 0])
def test_broken_files_are_skipped_and_named(
    folder: Path, memory_bytes: float, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "empty.wav").touch()
    (folder / "noise.flac").write_bytes(b"fLaC" + bytes(100))
    (folder / "folder.wav").mkdir()
    soundfile.write(folder / "short.wav", np.zeros(10), RATE)
    spoiled = voiced(1)
    spoiled[500] = np.nan
    soundfile.write(folder / "nan.wav", spoiled, RATE, subtype="FLOAT")
    with caplog.at_level(logging.WARNING):
        store = open_store(find_recordings([folder]), MONO, memory_bytes)
        on_disk = isinstance(store, DiskStore)
        assert on_disk == (memory_bytes == 0)
        for _ in range(2 * on_disk):
            with pytest.raises(UnusableError, match="NaN"):
                store.read(3, 0, RATE)
    reasons = {item.path.name: item.reason for item in store.broken}
    assert sorted(reasons) == ["empty.wav", "folder.wav", "nan.wav", "noise.flac", "short.wav"]
    assert len(store.broken) == 5
    assert reasons["nan.wav"] == "holds NaN or infinity"
    assert reasons["short.wav"] == "shorter than 0.1 s"
    for name in reasons:
        assert name in caplog.text


def test_what_fits_into_memory_is_kept_there(folder: Path) -> None:
    recordings = find_recordings([folder])
    bytes_needed = 2 * (16000 + 8000 + 4000)
    assert isinstance(open_store(recordings, MONO, bytes_needed), MemoryStore)
    assert isinstance(open_store(recordings, MONO, bytes_needed - 1), DiskStore)


@pytest.mark.parametrize("memory_bytes", [1e9, 0])
def test_nothing_usable_is_refused(tmp_path: Path, memory_bytes: float) -> None:
    (tmp_path / "bad.wav").write_text("text")
    with pytest.raises(InvalidAudioError, match=r"none of the 1 recordings .* the first is .*bad\.wav: "):
        open_store(find_recordings([tmp_path]), MONO, memory_bytes)


@pytest.mark.parametrize("memory_bytes", [1e9, 0])
def test_labels_are_cut_with_the_samples(tmp_path: Path, memory_bytes: float) -> None:
    (tmp_path / "audio").mkdir()
    (tmp_path / "labels").mkdir()
    for name in "abc":
        soundfile.write(tmp_path / "audio" / f"{name}.wav", voiced(1.005), RATE)
    np.save(tmp_path / "labels" / "a.npy", np.arange(101) % 86)
    (tmp_path / "labels" / "b.txt").write_text("9 " * 40)
    form = format_of(load_model_config("semantic_add"), None)
    assert form.label_hop == 160
    store = open_store(find_recordings([tmp_path / "audio"], tmp_path / "labels"), form, memory_bytes)
    piece = store.read(0, 320, 1000)
    assert piece.labels is not None
    assert piece.labels.tolist() == [2, 3, 4, 5, 6, 7, 8]
    if memory_bytes == 0:
        for index in (1, 2):
            with pytest.raises(UnusableError):
                store.read(index, 0, 160)
    reasons = {item.path.name: item.reason for item in store.broken}
    assert "has 40 labels; the audio needs 101" in reasons["b.wav"]
    assert "0 files are" in reasons["c.wav"]


def test_models_and_labels_must_fit(folder: Path) -> None:
    labelled = format_of(load_model_config("semantic_add"), None)
    with pytest.raises(InvalidAudioError, match=r"has no labels, which the model needs; add data\.labels"):
        open_store(find_recordings([folder]), labelled, 1e9)
    with pytest.raises(ConfigError, match=r"no semantic stream; leave data\.labels out"):
        open_store(find_recordings([folder], folder), format_of(load_model_config("encodec_16k"), None), 1e9)
