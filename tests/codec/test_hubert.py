"""HuBERT: torchaudio's features from local weights of any size, of whole recordings and in pieces."""

import pickle
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional
from torchaudio.models import hubert_base, hubert_large, hubert_xlarge, wav2vec2_model

from codec import hubert
from codec.audio import read_audio
from codec.errors import ForeignModelError, InvalidRequestError
from codec.hubert import Hubert, architecture_of
from tests.codec.huberts import DIMENSION, LAYERS, small_hubert, write_weights
from tests.support import SAMPLE_RATE_HZ, speech


@pytest.fixture(scope="module")
def audio() -> Tensor:
    """Two seconds of real speech."""
    samples = read_audio(speech(1)[0], SAMPLE_RATE_HZ).samples[0]
    return torch.from_numpy(samples[: 2 * SAMPLE_RATE_HZ].copy())


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return write_weights(tmp_path / "hubert.safetensors", small_hubert().state_dict())


@pytest.mark.parametrize("mode", ["group_norm", "layer_norm"])
@pytest.mark.parametrize("layer", [1, 2])
def test_features_are_those_of_torchaudio(tmp_path: Path, audio: Tensor, mode: str, layer: int) -> None:
    model = small_hubert(mode)
    ours = Hubert(write_weights(tmp_path / "hubert.pt", model.state_dict()), layer)
    heard = functional.layer_norm(audio, audio.shape) if mode == "layer_norm" else audio
    theirs = model.extract_features(heard.unsqueeze(0))[0][layer - 1][0]  # type: ignore[operator]
    assert theirs.std() > 0.1
    torch.testing.assert_close(ours.features(audio), theirs, rtol=1e-5, atol=1e-5)
    assert torch.equal(ours.features(audio), ours.features(audio))


@pytest.mark.parametrize("build", [hubert_base, hubert_large, hubert_xlarge])
def test_the_tensors_tell_every_published_size(build) -> None:  # type: ignore[no-untyped-def]
    with torch.device("meta"):
        state = build().state_dict()
        again = wav2vec2_model(**architecture_of(state)).state_dict()
    assert {name: t.shape for name, t in again.items()} == {name: t.shape for name, t in state.items()}
    heads = {768: 12, 1024: 16, 1280: 16}
    found = architecture_of(state)
    assert found["encoder_num_heads"] == heads[found["encoder_embed_dim"]]
    assert found["encoder_layer_norm_first"] == (found["extractor_mode"] == "layer_norm")


def test_both_formats_and_names_of_weights_load_alike(tmp_path: Path, weights: Path, audio: Tensor) -> None:
    state = dict(small_hubert().state_dict())
    position = "encoder.transformer.pos_conv_embed.conv."
    for new, old in (("original0", "weight_g"), ("original1", "weight_v")):
        state[position + old] = state.pop(f"{position}parametrizations.weight.{new}")
    state["aux.weight"] = torch.zeros(29, DIMENSION)
    older = Hubert(write_weights(tmp_path / "older.pth", state), 1)
    newer = Hubert(weights, 1)
    assert torch.equal(older.features(audio), newer.features(audio))
    assert older.digest() == newer.digest()
    other = write_weights(tmp_path / "other.pth", small_hubert(seed=1).state_dict())
    assert Hubert(other, 1).digest() != newer.digest()


def test_every_length_has_a_frame_for_every_whole_window(weights: Path) -> None:
    model = Hubert(weights, LAYERS)
    noise = torch.randn(1700, generator=torch.Generator().manual_seed(0))
    for n_samples in [1, 399, 400, 401, 719, 720, 1039, 1040, 1359, 1360, *range(2, 1700, 97)]:
        features = model.features(noise[:n_samples])
        assert features.shape == (max(1, (n_samples - 400) // 320 + 1), DIMENSION), n_samples
        assert torch.isfinite(features).all()


def test_pieces_hear_what_the_whole_hears(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without attention, what a frame hears is local, so that pieces with enough context give the same."""
    model = small_hubert("layer_norm")
    for key, tensor in model.state_dict().items():
        if ".attention.out_proj." in key:
            tensor.zero_()
    ours = Hubert(write_weights(tmp_path / "hubert.pt", model.state_dict()), LAYERS)
    long = torch.randn(143 * 320 + 400 + 17, generator=torch.Generator().manual_seed(0))
    whole = ours.features(long)
    monkeypatch.setattr(hubert, "WHOLE_FRAMES", 50)
    monkeypatch.setattr(hubert, "CONTEXT_FRAMES", 10)
    assert ours.features(long).shape == whole.shape == (144, DIMENSION)
    torch.testing.assert_close(ours.features(long), whole, rtol=1e-5, atol=1e-5)
    monkeypatch.setattr(hubert, "CONTEXT_FRAMES", 0)
    assert not torch.allclose(ours.features(long), whole, rtol=1e-3, atol=1e-3)


def test_long_audio_is_heard_in_pieces_of_bounded_length(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubert, "WHOLE_FRAMES", 50)
    monkeypatch.setattr(hubert, "CONTEXT_FRAMES", 10)
    model = Hubert(weights, 1)
    heard: list[int] = []
    model._model.feature_extractor.register_forward_pre_hook(lambda _, x: heard.append(x[0].shape[-1]))
    for frames, pieces in ((50, 1), (51, 2), (60, 2), (61, 3), (151, 6)):
        heard.clear()
        assert len(model.features(torch.zeros((frames - 1) * 320 + 400))) == frames
        assert len(heard) == pieces
        assert max(heard) <= 49 * 320 + 400


def test_layers_count_from_1(weights: Path) -> None:
    for layer in (0, LAYERS + 1):
        with pytest.raises(InvalidRequestError, match=r"layers 1\.\.2"):
            Hubert(weights, layer)


def test_other_weights_are_refused(tmp_path: Path) -> None:
    state = small_hubert().state_dict()
    projection = "encoder.feature_projection.projection.weight"
    kernel = "feature_extractor.conv_layers.6.conv.weight"
    position = "encoder.transformer.pos_conv_embed.conv.parametrizations.weight.original1"
    wrong: dict[str, dict[str, Tensor]] = {
        "no HuBERT with torchaudio's names": {"model.weight": torch.zeros(3)},
        "feature_projection": {name: t for name, t in state.items() if name != projection},
        "no HuBERT that can be read": {**state, "more": torch.zeros(3)},
        "NaN": {**state, projection: torch.full_like(state[projection], torch.nan)},
        "kernels": {**state, kernel: torch.zeros(16, 16, 3)},
        "cannot be shared": {**state, projection: torch.zeros(65, 16)},
        "names": {**state, position: torch.zeros(64, 0, 8)},
    }
    for number, (match, tensors) in enumerate(wrong.items()):
        path = write_weights(tmp_path / f"{number}.safetensors", tensors)
        with pytest.raises(ForeignModelError, match=match):
            Hubert(path, 1)


def test_files_that_are_no_weights_are_refused(tmp_path: Path) -> None:
    for name in ("a.safetensors", "a.pt"):
        (tmp_path / name).write_bytes(b"no weights")
        with pytest.raises(ForeignModelError):
            Hubert(tmp_path / name, 1)
        with pytest.raises(ForeignModelError):
            Hubert(tmp_path / f"missing-{name}", 1)


class Hostile:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (exec, ("raise SystemExit('it ran')",))


def test_a_pickle_that_runs_code_is_refused(tmp_path: Path) -> None:
    torch.save({"model": Hostile()}, tmp_path / "a.pt")
    assert b"exec" in pickle.dumps(Hostile())
    with pytest.raises(ForeignModelError, match="tensors alone"):
        Hubert(tmp_path / "a.pt", 1)
