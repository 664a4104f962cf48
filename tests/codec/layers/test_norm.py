"""The norm of an item ends where the item ends."""

import pytest
import torch

from codec.layers.norm import TimeGroupNorm


@pytest.fixture(params=[(3,), (3, 4)], ids=["time", "frequency and time"])
def batch(request: pytest.FixtureRequest) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(3, *request.param, 9, generator=generator, dtype=torch.float64) * 5 + 2


def random_norm() -> TimeGroupNorm:
    norm = TimeGroupNorm(3).double().requires_grad_(False)
    norm.weight.copy_(torch.tensor([0.5, 2.0, -1.0]))
    norm.bias.copy_(torch.tensor([1.0, 0.0, -3.0]))
    return norm


def test_an_item_does_not_feel_what_stands_after_it(batch: torch.Tensor) -> None:
    norm, lengths = random_norm(), [9, 1, 5]
    together = norm(batch, torch.tensor(lengths))
    for item, length in enumerate(lengths):
        alone = norm(batch[item : item + 1, ..., :length], None)
        torch.testing.assert_close(together[item : item + 1, ..., :length], alone, rtol=0, atol=1e-12)


def test_garbage_after_an_item_does_not_leak(batch: torch.Tensor) -> None:
    norm, lengths = random_norm(), torch.tensor([9, 1, 5])
    clean = norm(batch, lengths)
    batch[1, ..., 1:], batch[2, ..., 5:] = float("nan"), 1e9
    spoiled = norm(batch, lengths)
    assert torch.equal(clean[1, ..., :1], spoiled[1, ..., :1])
    assert torch.equal(clean[2, ..., :5], spoiled[2, ..., :5])
    assert torch.isfinite(spoiled).all()


def test_a_single_value_becomes_the_bias() -> None:
    norm = TimeGroupNorm(1).requires_grad_(False)
    norm.bias.fill_(0.25)
    assert norm(torch.full((1, 1, 1), 7.0), None).item() == pytest.approx(0.25, abs=1e-3)
