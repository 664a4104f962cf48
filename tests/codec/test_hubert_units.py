"""HuBERT units: fitted on speech, the same every time, one for every label hop whatever the rates."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from codec.audio import Samples, read_audio
from codec.errors import ForeignModelError, InvalidAudioError, InvalidRequestError
from codec.hubert import Hubert
from codec.hubert_units import HubertUnits, fit_units, save_units
from codec.seanet_config import SeanetCodecConfig, SemanticConfig
from codec.seanet_model import SeanetCodec
from codec.semantic_labels import LabelSource
from tests.codec.huberts import DIMENSION, small_hubert, write_weights
from tests.codec.seanets import small_config
from tests.support import SAMPLE_RATE_HZ, speech

UNITS, LAYER = 20, 2
NOWHERE = Path("recording.wav")


def config_of(hop_samples: int, units: int = UNITS, sample_rate: int = SAMPLE_RATE_HZ) -> SeanetCodecConfig:
    semantic = SemanticConfig(combine="residual", labels=units, hop_samples=hop_samples)
    changed = {"semantic": semantic, "sample_rate": sample_rate}
    return small_config("semantic_residual").model_copy(update=changed)


@pytest.fixture(scope="module")
def recordings() -> list[Path]:
    return speech(3)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("hubert") / "hubert.safetensors"
    return write_weights(path, small_hubert().state_dict())


@pytest.fixture(scope="module")
def centroids(weights: Path, recordings: list[Path]) -> Path:
    hubert = Hubert(weights, LAYER)
    path = weights.with_name("units.safetensors")
    save_units(path, fit_units(hubert, recordings, UNITS, frames=300, iterations=10), hubert)
    return path


@pytest.fixture(scope="module")
def spoken(recordings: list[Path]) -> Samples:
    """One second of real speech, `[1, sample]`, and a bit."""
    return read_audio(recordings[0], SAMPLE_RATE_HZ).samples[:, 8000 : 8000 + 16250]


def test_units_are_the_nearest_centroids_and_always_the_same(
    weights: Path, centroids: Path, spoken: Samples
) -> None:
    source = HubertUnits(weights, centroids, config_of(320))
    audio = torch.from_numpy(spoken[0].copy())
    units = source.units(audio)
    distances = torch.cdist(Hubert(weights, LAYER).features(audio), source._centroids)
    assert np.array_equal(units, distances.argmin(1).numpy())
    assert units.dtype == np.uint16
    assert len(units) == (16250 - 400) // 320 + 1
    assert len(set(units.tolist())) > 4
    again = HubertUnits(weights, centroids, config_of(320))
    assert np.array_equal(again.units(audio), units)


@pytest.mark.parametrize("hop_samples", [160, 320])
def test_every_length_gets_a_label_for_every_hop(
    weights: Path, centroids: Path, spoken: Samples, hop_samples: int
) -> None:
    config = config_of(hop_samples)
    source = HubertUnits(weights, centroids, config)
    for n_samples in [1, 2, 159, 160, 161, 319, 320, 321, 399, 400, 401, *range(500, 1700, 61), 16000, 16250]:
        samples = spoken[:, :n_samples]
        labels = source.labels(NOWHERE, samples)
        assert labels.shape == (config.labels_for(n_samples),), n_samples
        units = source.units(torch.from_numpy(samples[0].copy()))
        heard = np.repeat(units, 320 // hop_samples)[: len(labels)]
        assert np.array_equal(labels[: len(heard)], heard)
        assert (labels[len(heard) :] == units[-1]).all()
        assert len(labels) - len(heard) <= 2 * (320 // hop_samples)


@pytest.mark.parametrize(("sample_rate", "channels"), [(24000, 1), (48000, 2), (22050, 1)])
def test_other_rates_are_resampled_and_aligned(
    weights: Path, centroids: Path, recordings: list[Path], sample_rate: int, channels: int
) -> None:
    hop_samples = sample_rate // 100
    config = config_of(hop_samples, sample_rate=sample_rate)
    source = HubertUnits(weights, centroids, config)
    samples = read_audio(recordings[0], sample_rate, channels=channels).samples[:, : 2 * sample_rate + 77]
    labels = source.labels(NOWHERE, samples)
    assert len(labels) == config.labels_for(samples.shape[1]) == -(-samples.shape[1] // hop_samples)
    at_16k = read_audio(recordings[0], SAMPLE_RATE_HZ).samples[:, : 2 * SAMPLE_RATE_HZ + 50]
    native = HubertUnits(weights, centroids, config_of(160)).labels(NOWHERE, at_16k)
    assert (labels[:195] == native[:195]).mean() > 0.9


def test_a_recording_does_not_hear_its_neighbours(
    weights: Path, centroids: Path, recordings: list[Path], spoken: Samples
) -> None:
    source: LabelSource = HubertUnits(weights, centroids, config_of(320))
    alone = source.labels(recordings[0], spoken)
    source.labels(recordings[1], read_audio(recordings[1], SAMPLE_RATE_HZ).samples)
    assert np.array_equal(source.labels(recordings[0], spoken), alone)


def test_a_codec_takes_the_labels(weights: Path, centroids: Path, spoken: Samples) -> None:
    config = config_of(320)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        codec = SeanetCodec(config).eval()
    labels = HubertUnits(weights, centroids, config).labels(NOWHERE, spoken)
    words = torch.from_numpy(labels.astype(np.int64)).unsqueeze(0)
    encoded = codec.encode(torch.from_numpy(spoken.copy()).unsqueeze(0), 2, labels=words)
    assert codec.decode(encoded).shape == (1, *spoken.shape)


def test_units_are_fitted_the_same_way_twice(weights: Path, recordings: list[Path]) -> None:
    hubert = Hubert(weights, 1)
    one, two = (fit_units(hubert, recordings[:1], 4, frames=60, iterations=3) for _ in range(2))
    assert torch.equal(one, two)
    assert one.shape == (4, DIMENSION)
    assert not torch.equal(fit_units(hubert, recordings[:1], 4, frames=60, iterations=3, seed=1), one)


def test_units_stay_close_to_what_was_heard(weights: Path, centroids: Path, recordings: list[Path]) -> None:
    source = HubertUnits(weights, centroids, config_of(320))
    features = Hubert(weights, LAYER).features(torch.from_numpy(read_audio(recordings[1], 16000).samples[0]))
    error = torch.cdist(features, source._centroids).amin(1).square().mean()
    assert error < 0.7 * (features - features.mean(0)).square().sum(1).mean()


def test_too_little_or_no_audio_is_refused(weights: Path, recordings: list[Path], tmp_path: Path) -> None:
    hubert = Hubert(weights, 1)
    with pytest.raises(InvalidRequestError, match="0 features for 5 units"):
        fit_units(hubert, [], 5)
    with pytest.raises(InvalidRequestError, match="features for 100000 units"):
        fit_units(hubert, recordings[:1], 100_000)
    (tmp_path / "a.wav").write_bytes(b"no audio")
    with pytest.raises(InvalidAudioError):
        fit_units(hubert, [tmp_path / "a.wav"], 5)


def test_files_that_do_not_belong_together_are_refused(
    weights: Path, centroids: Path, tmp_path: Path
) -> None:
    with pytest.raises(InvalidRequestError, match="20 units, the model 86 labels"):
        HubertUnits(weights, centroids, config_of(320, units=86))
    with pytest.raises(InvalidRequestError, match="no semantic stream"):
        HubertUnits(weights, centroids, small_config("encodec_16k"))
    other = write_weights(tmp_path / "other.pt", small_hubert(seed=1).state_dict())
    with pytest.raises(ForeignModelError, match="fitted to other weights"):
        HubertUnits(other, centroids, config_of(320))


def test_files_that_hold_no_units_are_refused(weights: Path, tmp_path: Path) -> None:
    path, belongs = tmp_path / "units.safetensors", {"layer": "1", "hubert": Hubert(weights, 1).digest()}
    good = torch.zeros(UNITS, DIMENSION)
    for tensors, metadata in (
        ({"other": good}, belongs),
        ({"centroids": good}, None),
        ({"centroids": good}, {**belongs, "layer": "last"}),
        ({"centroids": good[0]}, belongs),
        ({"centroids": good.double()}, belongs),
        ({"centroids": good + torch.nan}, belongs),
        ({"centroids": good[:, 1:]}, belongs),
    ):
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path, metadata)
        with pytest.raises(ForeignModelError):
            HubertUnits(weights, path, config_of(320))
    path.write_bytes(b"no units")
    with pytest.raises(ForeignModelError, match="no units"):
        HubertUnits(weights, path, config_of(320))
