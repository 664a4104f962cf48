"""Batches: functions of seed and step, whole or in shares, whatever the recordings are like."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from codec.model_config import load_model_config
from tests.support import voiced
from training.audio_store import DiskStore
from training.data import TrainingAudio, open_audio
from training.data_config import BandLimitConfig, DataConfig, NoiseConfig

RATE = 16000
CROP = 4000
MODEL = load_model_config("stream_16k")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "a.wav", voiced(1), RATE)
    soundfile.write(tmp_path / "b.flac", voiced(0.5, sample_rate_hz=8000), 8000)
    soundfile.write(tmp_path / "c.wav", voiced(0.25), RATE)
    return tmp_path


def audio_of(folder: Path, crop_samples: int = CROP, seed: int = 0, **changes: object) -> TrainingAudio:
    config = DataConfig.model_validate(changes)
    return TrainingAudio(open_audio(folder, None, config, MODEL), config, crop_samples, seed)


def test_a_batch_is_a_function_of_seed_and_step(folder: Path) -> None:
    first, second = audio_of(folder, batch_items=4, seed=1), audio_of(folder, batch_items=4, seed=1)
    batches = [first.batch(step).audio for step in (0, 1, 2)]
    assert batches[0].shape == (4, 1, CROP)
    assert batches[0].dtype == torch.float32
    assert torch.equal(second.batch(1).audio, batches[1])
    assert not torch.equal(batches[0], batches[1])
    assert not torch.equal(audio_of(folder, batch_items=4, seed=2).batch(1).audio, batches[1])


def test_shares_of_a_batch_make_the_batch(folder: Path) -> None:
    data = audio_of(folder, batch_items=6, noise=NoiseConfig(), band_limit=BandLimitConfig(share=0.5))
    whole = data.batch(3).audio
    shares = [data.batch(3, slice(rank, None, 2)).audio for rank in range(2)]
    assert torch.equal(torch.stack(shares, dim=1).flatten(0, 1), whole)


def test_on_the_disk_it_hears_the_same(folder: Path) -> None:
    (folder / "b.flac").unlink()
    memory, disk = audio_of(folder), audio_of(folder, memory_gib=0)
    assert isinstance(disk.store, DiskStore)
    assert torch.equal(memory.batch(5).audio, disk.batch(5).audio)
    assert memory.seconds == disk.seconds == 1.25


def test_another_recording_is_heard_for_a_broken_one(folder: Path) -> None:
    spoiled = voiced(3)
    spoiled[::500] = np.nan
    soundfile.write(folder / "d.wav", spoiled, RATE, subtype="FLOAT")
    first, second = (audio_of(folder, batch_items=8, memory_gib=0) for _ in range(2))
    batch = first.batch(0).audio
    assert torch.isfinite(batch).all()
    assert torch.equal(second.batch(0).audio, batch)
    assert [item.path.name for item in first.broken] == ["d.wav"]


def test_a_clip_shorter_than_the_crop_is_padded_with_silence(folder: Path) -> None:
    batch = audio_of(folder, 20_000, batch_items=16).batch(0).audio
    longest = [int(row.nonzero().max()) for row in batch[:, 0] if row.any()]
    assert max(longest) < 16000


def test_levels_vary_inside_the_bounds_and_never_clip(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.full(RATE, 0.5), RATE)
    quiet = audio_of(tmp_path, batch_items=200, gain_db=(-12, -6)).batch(0).audio.amax((1, 2))
    assert 0.5 * 10 ** (-12 / 20) * 0.99 < float(quiet.min()) < 0.14
    assert 0.23 < float(quiet.max()) < 0.5 * 10 ** (-6 / 20) * 1.01
    loud = audio_of(tmp_path, batch_items=10, gain_db=(20, 20)).batch(0).audio
    assert float(loud.max()) == pytest.approx(1)


def test_longer_clips_are_heard_more_often(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "long.wav", np.full(9 * RATE, 0.5), RATE)
    soundfile.write(tmp_path / "short.wav", np.full(RATE, -0.5), RATE)
    batch = audio_of(tmp_path, 100, batch_items=400).batch(0).audio
    assert 0.85 < float((batch[:, 0, 0] > 0).float().mean()) < 0.95


def test_noise_comes_from_its_folder(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    noises = tmp_path_factory.mktemp("noise")
    soundfile.write(noises / "hum.wav", voiced(1, seed=9), RATE)
    (noises / "bad.wav").touch()
    data = audio_of(folder, gain_db=(0, 0), noise=NoiseConfig(folder=noises, share=1, snr_db=(0, 0)))
    plain = audio_of(folder, gain_db=(0, 0))
    assert not torch.equal(data.batch(0).audio, plain.batch(0).audio)
    assert [item.path.name for item in data.broken] == ["bad.wav"]


def test_labels_belong_to_their_samples(tmp_path: Path) -> None:
    """The sound says which label it has: its level."""
    (tmp_path / "audio").mkdir()
    (tmp_path / "labels").mkdir()
    labels = np.random.default_rng(0).integers(1, 86, 150)
    soundfile.write(tmp_path / "audio" / "a.wav", np.repeat(labels / 100, 160)[:-70], RATE)
    np.save(tmp_path / "labels" / "a.npy", labels)
    config = DataConfig(batch_items=8, gain_db=(0, 0))
    store = open_audio(tmp_path / "audio", tmp_path / "labels", config, load_model_config("semantic_concat"))
    batch = TrainingAudio(store, config, 16000, 0).batch(0)
    assert batch.labels is not None
    assert batch.labels.shape == (8, 100)
    heard = (batch.audio[:, 0].view(8, 100, 160)[:, :, 0] * 100).round().long()
    assert torch.equal(batch.labels, heard)
    longer = TrainingAudio(store, config, 32000, 0).batch(0)
    assert longer.labels is not None
    assert longer.labels[0].tolist() == [*labels.tolist(), *[int(labels[-1])] * 50]
    moved = batch.to(torch.device("meta"))
    assert moved.labels is not None
    assert moved.audio.device == moved.labels.device == torch.device("meta")


def test_several_places_are_one(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    soundfile.write(other / "e.wav", voiced(2), RATE)
    config = DataConfig(train=(folder, other))
    assert config.train is not None
    store = open_audio(config.train, None, config, MODEL)
    assert store.lengths.tolist() == [16000, 8000, 4000, 32000]
