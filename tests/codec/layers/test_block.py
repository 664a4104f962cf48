"""The residual block is causal, streams exactly, and starts close to the identity."""

import random

import pytest
import torch
from torch import Tensor

from codec.layers.block import ResidualBlock

WIDTH, FRAMES = 8, 50


def block(gain: float = 0.5) -> ResidualBlock:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return ResidualBlock(WIDTH, 2, 5, gain).requires_grad_(False)


def signal(batch: int, seed: int = 0) -> Tensor:
    return torch.randn(batch, FRAMES, WIDTH, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("seed", range(4))
def test_stream_equals_whole(seed: int) -> None:
    layer, x, source = block(), signal(2, seed), random.Random(seed)
    whole, _ = layer.step(x, layer.fresh_state(2))
    state, pieces, position = layer.fresh_state(2), [], 0
    while position < FRAMES:
        size = source.choice([1, 2, 3, 5, 13])
        y, state = layer.step(x[:, position : position + size], state)
        pieces.append(y)
        position += size
    torch.testing.assert_close(torch.cat(pieces, dim=1), whole, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("cut", [1, 20, FRAMES - 1])
def test_later_input_never_changes_earlier_output(cut: int) -> None:
    layer, x = block(), signal(1)
    changed = x.clone()
    changed[:, cut:] = signal(1, seed=7)[:, cut:]
    first, _ = layer.step(x, layer.fresh_state(1))
    second, _ = layer.step(changed, layer.fresh_state(1))
    torch.testing.assert_close(first[:, :cut], second[:, :cut], rtol=0, atol=1e-6)
    assert (first[:, cut] - second[:, cut]).abs().max() > 0.1


def test_slots_do_not_see_each_other() -> None:
    layer, x = block(), signal(3)
    changed = x.clone()
    changed[1] = 0
    first, _ = layer.step(x, layer.fresh_state(3))
    second, _ = layer.step(changed, layer.fresh_state(3))
    assert torch.equal(first[[0, 2]], second[[0, 2]])


def test_the_gain_scales_the_branch() -> None:
    x = signal(1)
    branches = []
    for gain in (0.5, 0.05):
        layer = block(gain)
        y, _ = layer.step(x, layer.fresh_state(1))
        branches.append(y - x)
    torch.testing.assert_close(branches[0], branches[1] * 10, rtol=1e-3, atol=1e-5)
    assert branches[0].abs().max() > 0.01


def test_a_fresh_block_is_close_to_the_identity() -> None:
    layer = ResidualBlock(WIDTH, 2, 5)
    x = signal(1)
    y, _ = layer.step(x, layer.fresh_state(1))
    assert (y - x).norm() < 0.05 * x.norm()
