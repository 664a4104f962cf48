"""The frame-rate network: shapes, exact streams, and a trunk that can stay linear."""

import pytest
import torch
from torch import Tensor

from codec.layers.block import ResidualBlock
from codec.network import FrameNetwork, NetworkState
from tests.codec.models import TINY

INPUTS, OUTPUTS, FRAMES = 10, 7, 30


@pytest.fixture
def network() -> FrameNetwork:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = FrameNetwork(INPUTS, OUTPUTS, 3, TINY).requires_grad_(False)
    for module in made.modules():
        if isinstance(module, ResidualBlock):
            module.gain.fill_(0.5)
    return made


def signal(batch: int) -> Tensor:
    return torch.randn(batch, FRAMES, INPUTS, generator=torch.Generator().manual_seed(0))


def run(network: FrameNetwork, x: Tensor, sizes: list[int]) -> tuple[Tensor, NetworkState]:
    state, pieces = network.fresh_state(len(x)), []
    for piece in x.split(sizes, dim=1):
        y, state = network.step(piece, state)
        pieces.append(y)
    return torch.cat(pieces, 1), state


@pytest.mark.parametrize("sizes", [[1] * 30, [7, 1, 2, 20], [29, 1]])
def test_stream_equals_whole(network: FrameNetwork, sizes: list[int]) -> None:
    whole, after = run(network, signal(2), [FRAMES])
    assert whole.shape == (2, FRAMES, OUTPUTS)
    assert len(after.blocks) == 3
    pieces, state = run(network, signal(2), sizes)
    torch.testing.assert_close(pieces, whole, rtol=1e-5, atol=1e-5)
    for mine, theirs in zip(state.blocks, after.blocks, strict=True):
        torch.testing.assert_close(mine.past, theirs.past, rtol=1e-5, atol=1e-5)


def test_a_frame_hears_the_receptive_field_and_no_more(network: FrameNetwork) -> None:
    x = signal(1).requires_grad_()
    y, _ = network.step(x, network.fresh_state(1))
    (gradient,) = torch.autograd.grad(y[0, 25].sum(), x)
    reach = 3 * (TINY.network.kernel_frames - 1)
    assert gradient.abs().sum((0, 2)).nonzero().flatten().tolist() == list(range(25 - reach, 26))


def test_with_silent_branches_the_network_is_linear(network: FrameNetwork) -> None:
    for module in network.modules():
        if isinstance(module, ResidualBlock):
            module.gain.zero_()
    x = signal(1)
    y, _ = network.step(x, network.fresh_state(1))
    torch.testing.assert_close(y, network.leave(network.enter(x)))
