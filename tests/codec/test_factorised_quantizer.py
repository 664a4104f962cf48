"""Factorised quantization against brute force, and the gradients that training relies on."""

import copy

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from codec.config import FactorisedQuantizerConfig, QuantizerConfig
from codec.factorised_quantizer import FactorisedQuantizer, FactorisedStage, quantizer_of
from codec.quantizer import ABSENT, ResidualQuantizer

CONFIG = FactorisedQuantizerConfig(
    kind="factorised", codebooks=4, codebook_size=16, dimension=12, code_dimension=3
)
BATCH, FRAMES = 3, 20


@pytest.fixture
def quantizer() -> FactorisedQuantizer:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return FactorisedQuantizer(CONFIG)


@pytest.fixture
def vectors() -> Tensor:
    return torch.randn(BATCH, FRAMES, 12, generator=torch.Generator().manual_seed(1))


def stage_of(quantizer: FactorisedQuantizer, number: int) -> FactorisedStage:
    stage = quantizer.stages[number]
    assert isinstance(stage, FactorisedStage)
    return stage


def all_of_them(n_q: int = CONFIG.codebooks) -> Tensor:
    return torch.full((BATCH,), n_q)


def test_codes_are_the_entries_at_the_smallest_angle(quantizer: FactorisedQuantizer, vectors: Tensor) -> None:
    codes = quantizer.encode(vectors, 4)
    exact = copy.deepcopy(quantizer).double()
    residual = vectors.double()
    for number in range(4):
        stage = stage_of(exact, number)
        projected = functional.linear(residual, stage.project_in.weight, stage.project_in.bias)
        cosine = functional.cosine_similarity(projected[..., None, :], stage.entries, dim=-1)
        assert torch.equal(codes[:, number], cosine.argmax(-1))
        chosen = stage.entries[codes[:, number]]
        residual = residual - chosen @ stage.project_out.weight.t() - stage.project_out.bias


def test_the_first_of_equal_entries_wins(quantizer: FactorisedQuantizer) -> None:
    stage = stage_of(quantizer, 0)
    with torch.no_grad():
        stage.entries[9] = 2 * stage.entries[4]
    assert stage.search(stage.entries[[4, 9]]).tolist() == [4, 4]


def test_fewer_codebooks_are_a_prefix(quantizer: FactorisedQuantizer, vectors: Tensor) -> None:
    full = quantizer.encode(vectors, 4)
    for n_q in (1, 2, 3):
        assert torch.equal(quantizer.encode(vectors, n_q), full[:, :n_q])


def test_an_absent_code_adds_nothing(quantizer: FactorisedQuantizer, vectors: Tensor) -> None:
    codes = quantizer.encode(vectors, 4)
    thinned = codes.clone()
    thinned[0, 2:] = ABSENT
    thinned[1, :, 5] = ABSENT
    heard = quantizer.decode(thinned)
    torch.testing.assert_close(heard[0], quantizer.decode(codes[:1, :2])[0])
    assert not heard[1, 5].any()
    torch.testing.assert_close(heard[2], quantizer.decode(codes)[2])


def test_each_item_uses_its_own_n_q(quantizer: FactorisedQuantizer, vectors: Tensor) -> None:
    quantized = quantizer(vectors, torch.tensor([1, 3, 2]))
    assert quantized.codes.shape == (BATCH, 3, FRAMES)
    assert quantized.residuals.shape == (3, BATCH, FRAMES, 3)
    full = quantizer.encode(vectors, 4)
    for item, used in enumerate((1, 3, 2)):
        assert torch.equal(quantized.codes[item, :used], full[item, :used])
        assert (quantized.codes[item, used:] == ABSENT).all()
        alone = quantizer.decode(full[item : item + 1, :used])[0]
        torch.testing.assert_close(quantized.vectors[item], alone, rtol=0, atol=1e-5)


def test_losses_are_those_of_the_stages_and_items_in_use(
    quantizer: FactorisedQuantizer, vectors: Tensor
) -> None:
    quantized = quantizer(vectors, torch.tensor([1, 2, 1]))
    entries = torch.stack(
        [stage_of(quantizer, s).entries[quantized.codes[:, s].clamp_min(0)] for s in range(2)]
    )
    squares = (quantized.residuals - entries).square().mean((2, 3))
    wanted = (squares[0].mean() + squares[1, 1]) / 2
    torch.testing.assert_close(quantized.commitment, wanted)
    torch.testing.assert_close(quantized.codebook_loss, wanted)


def test_each_loss_moves_its_own_side(quantizer: FactorisedQuantizer, vectors: Tensor) -> None:
    x = vectors.requires_grad_()
    quantized = quantizer(x, all_of_them())
    entries = [stage_of(quantizer, s).entries for s in range(4)]
    assert torch.autograd.grad(quantized.commitment, x, retain_graph=True)[0].any()
    for gradient in torch.autograd.grad(quantized.codebook_loss, entries, retain_graph=True):
        assert gradient.any()
    for loss, others in ((quantized.codebook_loss, [x]), (quantized.commitment, entries)):
        zeros = torch.autograd.grad(loss, others, retain_graph=True, materialize_grads=True)
        assert not any(gradient.any() for gradient in zeros)


def test_reconstruction_teaches_the_projections_and_the_encoder(
    quantizer: FactorisedQuantizer, vectors: Tensor
) -> None:
    x = vectors.requires_grad_()
    quantizer(x, all_of_them()).vectors.square().sum().backward()
    assert x.grad is not None
    assert x.grad.any()
    for name, parameter in quantizer.named_parameters():
        if name.endswith("entries"):
            assert parameter.grad is None
        else:
            assert parameter.grad is not None
            assert parameter.grad.any()


def test_training_brings_the_codes_closer_to_the_vectors(
    quantizer: FactorisedQuantizer, vectors: Tensor
) -> None:
    optimiser = torch.optim.Adam(quantizer.parameters(), 0.02)
    errors = []
    for _ in range(60):
        quantized = quantizer(vectors, all_of_them())
        error = (quantized.vectors - vectors).square().mean()
        errors.append(float(error.detach()))
        optimiser.zero_grad()
        (error + quantized.codebook_loss + 0.25 * quantized.commitment).backward()
        optimiser.step()
    assert errors[-1] < 0.5 * errors[0]
    with torch.no_grad():
        heard = quantizer.decode(quantizer.encode(vectors, 4))
    assert float((heard - vectors).square().mean()) < 0.5 * errors[0]


def test_the_config_chooses_the_quantizer() -> None:
    assert isinstance(quantizer_of(CONFIG), FactorisedQuantizer)
    assert isinstance(quantizer_of(QuantizerConfig(codebooks=2, dimension=4)), ResidualQuantizer)
