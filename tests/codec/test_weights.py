"""Weights on disk: rounded once, loaded as they were written, and refused with a reason otherwise."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from codec.config import NetworkConfig, QuantizerConfig
from codec.errors import RepositoryError
from codec.weights import load_weights, save_weights, token_space_of
from tests.codec import seanets
from tests.codec.foreign import imported, vectors
from tests.codec.models import TINY, noise, random_codec
from tests.codec.seanets import small_codec

Tensors = dict[str, Tensor]
WEIGHT = "encoder.enter.weight"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    target = tmp_path / "model.safetensors"
    save_weights(random_codec(), target)
    return target


def test_what_is_loaded_is_the_rounded_model(path: Path) -> None:
    codec, loaded = random_codec(), load_weights(TINY, path)
    for name, tensor in loaded.state_dict().items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, codec.state_dict()[name].half().float())
    assert not loaded.training
    assert not any(p.requires_grad for p in loaded.parameters())
    assert all(tensor.dtype == torch.float16 for tensor in load_file(path).values())


@pytest.mark.usefixtures("single_thread")
def test_a_loaded_model_runs_like_the_one_that_was_saved(path: Path, tmp_path: Path) -> None:
    """Also the window and other things that are not in the file are there again."""
    first = load_weights(TINY, path)
    save_weights(first, tmp_path / "again.safetensors")
    second = load_weights(TINY, tmp_path / "again.safetensors")
    audio = noise(1, 8000)
    encoded = first.encode(audio, 6)
    assert torch.equal(second.encode(audio, 6).codes, encoded.codes)
    assert torch.equal(second.decode(encoded), first.decode(encoded))
    rounded = random_codec()
    rounded.load_state_dict(first.state_dict())
    assert torch.equal(rounded.encode(audio, 6).codes, encoded.codes)


def lacking(state: Tensors) -> None:
    del state[WEIGHT]


def with_more(state: Tensors) -> None:
    state["encoder.extra"] = torch.zeros(2).half()


def of_another_shape(state: Tensors) -> None:
    state[WEIGHT] = state[WEIGHT][:-1].contiguous()


def of_doubles(state: Tensors) -> None:
    state[WEIGHT] = state[WEIGHT].double()


def of_integers(state: Tensors) -> None:
    state[WEIGHT] = state[WEIGHT].to(torch.int16)


def with_nan(state: Tensors) -> None:
    state[WEIGHT][3, 5] = float("nan")


def with_infinity(state: Tensors) -> None:
    state["quantizer.codebooks"][0, 0, 0] = float("inf")


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lacking, "missing or unexpected tensors, for example .'encoder.enter.weight'"),
        (with_more, "missing or unexpected tensors, for example .'encoder.extra'"),
        (of_another_shape, r"encoder.enter.weight is F16 \[31, 1542\], the config wants float \[32, 1542\]"),
        (of_doubles, r"encoder.enter.weight is F64"),
        (of_integers, r"encoder.enter.weight is I16"),
        (with_nan, "encoder.enter.weight holds NaN or infinity"),
        (with_infinity, "quantizer.codebooks holds NaN or infinity"),
    ],
)
def test_other_tensors_are_refused(path: Path, spoil: Callable[[Tensors], None], complaint: str) -> None:
    state = load_file(path)
    spoil(state)
    save_file(state, path)
    with pytest.raises(RepositoryError, match=complaint):
        load_weights(TINY, path)


@pytest.mark.parametrize("kept", [0, 4, 100, 20_000, -1])
def test_a_cut_file_is_refused(path: Path, kept: int) -> None:
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(RepositoryError, match=r"cannot be read: .*; publish the version again"):
        load_weights(TINY, path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match="cannot be read"):
        load_weights(TINY, tmp_path / "model.safetensors")


def test_weights_of_another_config_are_refused(path: Path) -> None:
    wider = TINY.model_copy(update={"network": NetworkConfig(width=40, encoder_blocks=2, decoder_blocks=2)})
    with pytest.raises(RepositoryError, match="the config wants"):
        load_weights(wider, path)


def test_the_token_space_is_the_meaning_of_codes_and_nothing_else() -> None:
    def space(change: dict[str, Any], nudge: float = 0.0, rounded: bool = False) -> str:
        codec = random_codec(TINY.model_copy(update=change))
        codec.quantizer.codebooks[-1, -1, -1] += nudge
        return token_space_of(codec.half() if rounded else codec)

    wider = {"network": NetworkConfig(width=40)}
    assert space({}) == space({}, rounded=True) == space(wider)
    larger = QuantizerConfig(codebooks=6, codebook_size=65, dimension=16)
    assert len({space({}), space({}, 0.01), space({"sample_rate": 8000}), space({"quantizer": larger})}) == 4


def test_the_token_space_of_a_factorised_quantizer_holds_its_projections() -> None:
    codec = copy.deepcopy(small_codec("dac_16k")).float()
    before = token_space_of(codec)
    assert token_space_of(copy.deepcopy(codec).half()) == before
    for name, parameter in codec.named_parameters():
        kept = parameter.clone()
        parameter.view(-1)[0] += 0.1
        assert (token_space_of(codec) != before) == name.startswith("quantizer."), name
        parameter.copy_(kept)
    assert token_space_of(codec) == before


@pytest.mark.parametrize(
    "name", ["soundstream_16k", "freqcodec_m6", "freqcodec_16k_stream", "semantic_concat", "dac_16k"]
)
def test_other_families_are_kept_exactly_in_float32(name: str, tmp_path: Path) -> None:
    codec = copy.deepcopy(small_codec(name)).float()
    save_weights(codec, tmp_path / "model.safetensors", torch.float32)
    loaded = load_weights(codec.config, tmp_path / "model.safetensors")
    state = loaded.state_dict()
    assert all(torch.equal(tensor, state[key]) for key, tensor in codec.state_dict().items())
    audio, words = seanets.noise(codec, 1, 3000).float(), seanets.labels(codec, 1, 3000)
    encoded = loaded.encode(audio, 4, labels=words)
    assert torch.equal(encoded.codes, codec.encode(audio, 4, labels=words).codes)
    assert torch.equal(loaded.decode(encoded), codec.decode(encoded))
    with pytest.raises(RepositoryError, match="missing or unexpected"):
        load_weights(TINY, tmp_path / "model.safetensors")


def test_an_imported_model_is_kept_exactly(tmp_path: Path) -> None:
    codec, golden = imported("encodec_16k_ds320"), vectors("encodec_16k_ds320")
    save_weights(codec, tmp_path / "model.safetensors", torch.float32)
    loaded = load_weights(codec.config, tmp_path / "model.safetensors")
    wav = golden["b.wav"].view(1, 1, -1)
    assert torch.equal(loaded.encode(wav, 8).codes[0], golden["b.codes"])
    assert token_space_of(codec).startswith("ts-")
