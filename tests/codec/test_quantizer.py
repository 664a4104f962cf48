"""Residual quantization against brute force, and the gradients that training relies on."""

import pytest
import torch
from torch import Tensor

from codec.config import QuantizerConfig
from codec.quantizer import ABSENT, ResidualQuantizer

CONFIG = QuantizerConfig(codebooks=4, codebook_size=16, dimension=6)
BATCH, FRAMES = 3, 20


@pytest.fixture
def quantizer() -> ResidualQuantizer:
    made = ResidualQuantizer(CONFIG)
    generator = torch.Generator().manual_seed(0)
    for stage in range(CONFIG.codebooks):
        book = torch.randn(16, 6, generator=generator) * 0.6**stage
        made.codebooks[stage] = book
    return made


@pytest.fixture
def vectors() -> Tensor:
    return torch.randn(BATCH, FRAMES, 6, generator=torch.Generator().manual_seed(1))


def all_of_them(n_q: int = CONFIG.codebooks) -> Tensor:
    return torch.full((BATCH,), n_q)


def test_codes_are_the_nearest_entries_by_brute_force(quantizer: ResidualQuantizer, vectors: Tensor) -> None:
    codes = quantizer.encode(vectors, 4)
    residual = vectors.double()
    for stage in range(4):
        book = quantizer.codebooks[stage].double()
        distance = (residual[..., None, :] - book).square().sum(-1)
        assert torch.equal(codes[:, stage], distance.argmin(-1))
        residual = residual - book[codes[:, stage]]


def test_the_first_of_equal_entries_wins(quantizer: ResidualQuantizer) -> None:
    quantizer.codebooks[0, 9] = quantizer.codebooks[0, 4]
    codes = quantizer.encode(quantizer.codebooks[0, [4, 9]].view(1, 2, 6), 1)
    assert codes.flatten().tolist() == [4, 4]


def test_fewer_codebooks_are_a_prefix(quantizer: ResidualQuantizer, vectors: Tensor) -> None:
    full = quantizer.encode(vectors, 4)
    for n_q in (1, 2, 3):
        assert torch.equal(quantizer.encode(vectors, n_q), full[:, :n_q])


def test_decoding_adds_the_entries_up(quantizer: ResidualQuantizer, vectors: Tensor) -> None:
    codes = quantizer.encode(vectors, 4)
    summed = sum((quantizer.codebooks[s][codes[:, s]] for s in range(4)), start=torch.zeros_like(vectors))
    torch.testing.assert_close(quantizer.decode(codes), summed, rtol=0, atol=1e-6)
    errors = [(quantizer.decode(codes[:, :n]) - vectors).norm() for n in (1, 2, 3, 4)]
    assert errors == sorted(errors, reverse=True)


def test_an_absent_code_adds_nothing(quantizer: ResidualQuantizer, vectors: Tensor) -> None:
    codes = quantizer.encode(vectors, 4)
    thinned = codes.clone()
    thinned[0, 2:] = ABSENT
    thinned[1, :, 5] = ABSENT
    heard = quantizer.decode(thinned)
    torch.testing.assert_close(heard[0], quantizer.decode(codes[:1, :2])[0], rtol=0, atol=1e-6)
    assert not heard[1, 5].any()
    torch.testing.assert_close(heard[2], quantizer.decode(codes)[2], rtol=0, atol=1e-6)


def test_each_item_uses_its_own_n_q(quantizer: ResidualQuantizer, vectors: Tensor) -> None:
    n_q = torch.tensor([1, 4, 2])
    quantized = quantizer(vectors, n_q)
    full = quantizer.encode(vectors, 4)
    for item, used in enumerate(n_q.tolist()):
        assert torch.equal(quantized.codes[item, :used], full[item, :used])
        assert (quantized.codes[item, used:] == ABSENT).all()
        torch.testing.assert_close(
            quantized.vectors[item], quantizer.decode(full[item : item + 1, :used])[0], rtol=0, atol=1e-5
        )


def test_only_the_stages_in_use_are_searched(quantizer: ResidualQuantizer, vectors: Tensor) -> None:
    quantized = quantizer(vectors, torch.tensor([1, 2, 1]))
    assert quantized.codes.shape == (BATCH, 2, FRAMES)
    assert quantized.residuals.shape == (2, BATCH, FRAMES, 6)
    assert torch.equal(quantized.residuals[0], vectors)


def test_the_gradient_of_the_output_is_the_identity(quantizer: ResidualQuantizer, vectors: Tensor) -> None:
    """One straight-through step over the sum, however many stages."""
    few = vectors[:, :2].requires_grad_()
    jacobian = torch.autograd.functional.jacobian(lambda x: quantizer(x, all_of_them()).vectors, few)
    size = few.numel()
    assert torch.equal(jacobian.view(size, size), torch.eye(size))


def test_commitment_is_the_mean_residual_left_over(quantizer: ResidualQuantizer, vectors: Tensor) -> None:
    quantized = quantizer(vectors, all_of_them())
    left = [(vectors - quantizer.decode(quantized.codes[:, : s + 1])).square().mean() for s in range(4)]
    torch.testing.assert_close(quantized.commitment, torch.stack(left).mean())


@pytest.mark.parametrize("stage", range(4))
def test_the_commitment_of_every_stage_reaches_the_encoder(
    quantizer: ResidualQuantizer, vectors: Tensor, stage: int
) -> None:
    """What stage s adds to the gradient is 2 (x - first s+1 entries) / numbers: no other stage hides it."""
    x = vectors.requires_grad_()
    gradients = []
    for stages in (stage, stage + 1):
        if stages:
            total = quantizer(x, all_of_them(stages)).commitment * stages
            gradients.append(torch.autograd.grad(total, x)[0])
        else:
            gradients.append(torch.zeros_like(x))
    left = x - quantizer.decode(quantizer.encode(x.detach(), stage + 1))
    expected = 2 * left.detach() / x.numel()
    torch.testing.assert_close(gradients[1] - gradients[0], expected, rtol=1e-4, atol=1e-7)
    assert expected.abs().max() > 1e-4


def test_items_without_a_stage_do_not_feel_its_commitment(
    quantizer: ResidualQuantizer, vectors: Tensor
) -> None:
    x = vectors.requires_grad_()
    mixed = torch.autograd.grad(quantizer(x, torch.tensor([1, 4, 4])).commitment, x)[0]
    first = 2 * (x - quantizer.decode(quantizer.encode(x.detach(), 1))).detach() / x.numel()
    torch.testing.assert_close(mixed[0], first[0] / 4, rtol=1e-4, atol=1e-7)


def test_the_entries_are_data_without_gradient(quantizer: ResidualQuantizer) -> None:
    assert list(quantizer.parameters()) == []
    assert list(quantizer.state_dict()) == ["codebooks"]
