"""DAC's weights import; where its package can be imported, vectors, codes and waveforms are the package's."""

import copy
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from codec.errors import ForeignModelError
from codec.importers.dac import dac_config, dac_state, import_dac
from codec.model_config import load_model_config
from codec.seanet_model import SeanetCodec
from tests.codec.importers.dac_reference import TINY, shapes, state_dict, write_file

RELEASED = {
    "encoder_dim": 64,
    "encoder_rates": [2, 4, 5, 8],
    "latent_dim": 1024,
    "decoder_dim": 1536,
    "decoder_rates": [8, 5, 4, 2],
    "n_codebooks": 12,
    "codebook_size": 1024,
    "codebook_dim": 8,
    "sample_rate": 16000,
}
"""The settings of the model for 16 kHz."""
SMALL = {**RELEASED, "encoder_dim": 8, "latent_dim": 24, "decoder_dim": 96, "codebook_size": 64}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> SeanetCodec:
    return import_dac(write_file(tmp_path_factory.mktemp("dac") / "weights.pth"))


def noise(batch: int, samples: int) -> Tensor:
    return torch.randn(batch, 1, samples, generator=torch.Generator().manual_seed(samples)) * 0.1


def test_every_tensor_finds_its_place(tiny: SeanetCodec) -> None:
    theirs, ours = state_dict(), tiny.state_dict()
    assert sum(t.numel() for t in theirs.values()) == sum(t.numel() for t in ours.values())
    for name, own in (
        ("encoder.block.1.block.2.block.3.weight_v", "encoder.stages.0.units.2.outer.convolution"),
        ("encoder.block.2.block.4.weight_v", "encoder.stages.1.resample.convolution"),
        ("decoder.model.1.block.1.weight_v", "decoder.stages.0.resample.convolution"),
        ("decoder.model.2.block.4.block.1.weight_v", "decoder.stages.1.units.2.inner.convolution"),
        ("quantizer.quantizers.2.in_proj.weight_v", "quantizer.stages.2.project_in"),
    ):
        assert torch.equal(theirs[name].flatten(), ours[f"{own}.parametrizations.weight.original1"].flatten())
    assert torch.equal(theirs["quantizer.quantizers.1.codebook.weight"], ours["quantizer.stages.1.entries"])
    alphas = theirs["decoder.model.3.alpha"].flatten()
    assert torch.equal(alphas, ours["decoder.before_leave.alpha"])


def test_the_released_model_has_every_tensor_and_no_other() -> None:
    state = {name: torch.ones(()).expand(shape) for name, shape in shapes(RELEASED)}
    config = dac_config({"kwargs": RELEASED}, Path("weights.pth"))
    with torch.device("meta"):
        wanted = {name: t.shape for name, t in SeanetCodec(config).state_dict().items()}
    found = dac_state(state, config, Path("weights.pth"))
    assert {name: tensor.shape for name, tensor in found.items()} == wanted
    assert sum(tensor.numel() for tensor in found.values()) == 74_175_906


def test_our_own_preset_is_the_released_model_without_its_quirk() -> None:
    config = dac_config({"kwargs": {**RELEASED, "latent_dim": None}}, Path("weights.pth"))
    network = config.network.model_copy(update={"trims_odd_strides": False})
    assert config.model_copy(update={"network": network}) == load_model_config("dac_16k")


@pytest.mark.parametrize("samples", [1, 5, 6, 7, 601])
def test_lost_samples_come_as_silence(tiny: SeanetCodec, samples: int) -> None:
    """The stride of 3 loses a step, of which the stride of 2 makes two samples."""
    encoded = tiny.encode(noise(1, samples), 3)
    heard = tiny.decode(encoded)
    assert heard.shape == (1, 1, samples)
    whole = encoded.n_frames[0] * 6
    assert not heard[..., whole - 2 :].any()
    assert heard[..., : whole - 2].abs().min() > 0


def test_lost_samples_come_as_silence_for_every_item_of_a_batch(tiny: SeanetCodec) -> None:
    codec = copy.deepcopy(tiny).double()
    audio, lengths = noise(3, 300).double(), (300, 102, 31)
    together = codec.decode(codec.encode(audio, 3, lengths))
    for item, length in enumerate(lengths):
        alone = codec.decode(codec.encode(audio[item : item + 1, :, :length], 3))
        torch.testing.assert_close(together[item : item + 1, :, :length], alone, rtol=0, atol=1e-9)
    assert not together[1, 0, 100:].any()


def test_files_of_other_models_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    alpha = "decoder.model.3.alpha"
    for changes, message in (
        ({alpha: None}, "missing or unexpected"),
        ({alpha: torch.zeros(1, 9, 1)}, "not finite floats"),
        ({alpha: torch.full((1, 6, 1), float("nan"))}, "not finite floats"),
        ({"lm.weight": torch.zeros(1)}, "1 unknown tensors"),
        ({alpha: 3}, "is no tensor"),
    ):
        with pytest.raises(ForeignModelError, match=message):
            import_dac(write_file(path, TINY, **changes))
    for content in ({"a": torch.zeros(1)}, {"state_dict": state_dict()}, [1]):
        torch.save(content, path)
        with pytest.raises(ForeignModelError, match="is no DAC model"):
            import_dac(path)
    torch.save({"state_dict": state_dict(), "metadata": {}}, path)
    with pytest.raises(ForeignModelError, match="no kwargs"):
        import_dac(path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"decoder_rates": [2, 3]}, "are not encoder_rates from the end"),
        ({"decoder_dim": 25}, "cannot be halved"),
        ({"codebook_dim": [4, 5, 5]}, "codebook_dim differs"),
        ({"encoder_rates": [1, 3], "decoder_rates": [3, 1]}, "greater than or equal to 2"),
        ({"encoder_rates": [2] * 9, "decoder_rates": [2] * 9, "decoder_dim": 512}, "at most 8 items"),
        ({"encoder_dim": 10**12}, "encoder_dim"),
        ({"n_codebooks": 1000}, "codebooks"),
        ({"encoder_rates": [], "decoder_rates": []}, "every stage"),
        ({"sample_rate": "16000"}, "sample_rate"),
    ],
)
def test_settings_that_cannot_be_had_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ForeignModelError, match=message):
        dac_config({"kwargs": {**TINY, **settings}}, Path("weights.pth"))


def test_a_file_that_claims_more_than_it_holds_is_refused(tmp_path: Path) -> None:
    """Tensors may be saved as views that repeat one number: terabytes in a small file."""
    huge = {**TINY, "encoder_dim": 1 << 16, "decoder_dim": 1 << 16}
    state = {name: torch.ones(()).expand(shape) for name, shape in shapes(huge)}
    torch.save({"state_dict": state, "metadata": {"kwargs": huge}}, tmp_path / "weights.pth")
    with pytest.raises(ForeignModelError, match="smaller than the tensors"):
        import_dac(tmp_path / "weights.pth")


class Hostile:
    """Runs a command when unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.mark}",)


def test_a_hostile_file_is_refused_and_not_run(tmp_path: Path) -> None:
    mark, path = tmp_path / "run", tmp_path / "weights.pth"
    torch.save({"state_dict": state_dict(), "metadata": {"kwargs": TINY, "x": Hostile(mark)}}, path)
    with pytest.raises(ForeignModelError, match="is no checkpoint of tensors alone"):
        import_dac(path)
    assert not mark.exists()


@dataclass(frozen=True)
class Pair:
    """A model of the package and what we import of it."""

    theirs: Any
    ours: SeanetCodec


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """Random weights, saved by the package itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dac = pytest.importorskip("dac", reason="the package descript-audio-codec cannot be imported")
        with torch.random.fork_rng():
            torch.manual_seed(0)
            theirs = dac.DAC(**SMALL).eval()
            for name, parameter in theirs.named_parameters():
                if name.endswith("alpha"):
                    torch.nn.init.uniform_(parameter, 0.3, 1.5)
                elif name.endswith("bias"):
                    torch.nn.init.normal_(parameter, 0, 0.02)
    path = tmp_path_factory.mktemp("dac") / "weights.pth"
    theirs.save(str(path), package=False)
    return Pair(theirs, import_dac(path))


@pytest.mark.parametrize("samples", [1, 319, 320, 321, 16000])
def test_vectors_codes_and_waveforms_are_those_of_the_package(pair: Pair, samples: int) -> None:
    audio = noise(1, samples)
    with torch.no_grad():
        theirs = pair.theirs(audio, 16000)
        embedded = pair.theirs.encoder(pair.theirs.preprocess(audio, 16000))
    latent = pair.ours.embed(audio, (samples,)).vectors
    torch.testing.assert_close(latent.transpose(1, 2), embedded, rtol=0, atol=1e-5)
    encoded = pair.ours.encode(audio, 12)
    assert torch.equal(encoded.codes, theirs["codes"])
    decoded = pair.ours.quantizer.decode(encoded.codes)
    torch.testing.assert_close(decoded.transpose(1, 2), theirs["z"], rtol=0, atol=1e-5)
    heard, known = pair.ours.decode(encoded), theirs["audio"]
    assert heard.shape == audio.shape
    torch.testing.assert_close(heard[..., : known.shape[-1]], known, rtol=0, atol=1e-5)
    assert not heard[..., known.shape[-1] :].any()


def test_the_quantizer_learns_as_in_the_package(pair: Pair) -> None:
    """Losses and every gradient; theirs add the stages up where ours take the mean."""
    vectors = torch.randn(2, 24, 30, generator=torch.Generator().manual_seed(3))
    gradients = []
    for ours in (False, True):
        x = vectors.clone().requires_grad_()
        model = (pair.ours if ours else pair.theirs).quantizer.requires_grad_()
        if ours:
            quantized = model(x.transpose(1, 2), torch.tensor([12, 12]))
            out = quantized.vectors.transpose(1, 2)
            commitment, codebook = 12 * quantized.commitment, 12 * quantized.codebook_loss
        else:
            out, _, _, commitment, codebook = model(x)
        inputs = [x, *(model.get_parameter(n) for n in _quantizer_names(ours))]
        loss = out.square().mean() + codebook + 0.25 * commitment
        gradients.append([g.flatten() for g in torch.autograd.grad(loss, inputs)])
    for theirs, own in zip(*gradients, strict=True):
        torch.testing.assert_close(own, theirs, rtol=1e-3, atol=1e-5)


def _quantizer_names(ours: bool) -> list[str]:
    sides = ("project_in", "project_out") if ours else ("in_proj", "out_proj")
    weight = "parametrizations.weight.original1" if ours else "weight_v"
    names = [f"{side}.{kind}" for side in sides for kind in (weight, "bias")]
    names.append("entries" if ours else "codebook.weight")
    return [f"{'stages' if ours else 'quantizers'}.{stage}.{name}" for stage in range(12) for name in names]
