"""A causal convolution with state gives in steps what it gives at once, slot by slot."""

import random

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from codec.layers.convolution import CausalConv1d, ConvolutionState

TIME = 60


def layer(kernel: int, groups: int = 1) -> CausalConv1d:
    with torch.random.fork_rng():
        torch.manual_seed(kernel)
        return CausalConv1d(6, 6, kernel, groups=groups).requires_grad_(False)


def signal(batch: int, seed: int = 0) -> Tensor:
    return torch.randn(batch, 6, TIME, generator=torch.Generator().manual_seed(seed))


def in_steps(convolution: CausalConv1d, x: Tensor, seed: int) -> Tensor:
    state, source, pieces, position = convolution.fresh_state(len(x)), random.Random(seed), [], 0
    while position < x.shape[-1]:
        size = source.choice([1, 1, 2, 3, 7, 20])
        y, state = convolution.step(x[..., position : position + size], state)
        pieces.append(y)
        position += size
    return torch.cat(pieces, dim=-1)


@pytest.mark.parametrize(("kernel", "groups"), [(1, 1), (2, 1), (7, 1), (7, 6), (3, 2)])
def test_whole_input_equals_a_left_padded_convolution(kernel: int, groups: int) -> None:
    convolution, x = layer(kernel, groups), signal(2)
    padded = functional.pad(x, (kernel - 1, 0))
    expected = functional.conv1d(padded, convolution.weight, convolution.bias, groups=groups)
    y, _ = convolution.step(x, convolution.fresh_state(2))
    assert y.shape == x.shape
    torch.testing.assert_close(y, expected)


@pytest.mark.parametrize(("kernel", "groups"), [(1, 1), (7, 1), (7, 6), (3, 2)])
@pytest.mark.parametrize("seed", range(4))
def test_stream_equals_whole(kernel: int, groups: int, seed: int) -> None:
    convolution, x = layer(kernel, groups), signal(2, seed)
    whole, _ = convolution.step(x, convolution.fresh_state(2))
    torch.testing.assert_close(in_steps(convolution, x, seed), whole, rtol=1e-5, atol=1e-6)


def test_later_input_never_changes_earlier_output() -> None:
    convolution, x = layer(5), signal(1)
    y, _ = convolution.step(x, convolution.fresh_state(1))
    for cut in (0, 1, 17, TIME - 1):
        changed = x.clone()
        changed[..., cut:] += 1
        z, _ = convolution.step(changed, convolution.fresh_state(1))
        assert torch.equal(z[..., :cut], y[..., :cut])
        assert not torch.equal(z[..., cut], y[..., cut])


def test_an_output_hears_exactly_the_last_kernel_inputs() -> None:
    convolution, x = layer(5), signal(1).requires_grad_()
    y, _ = convolution.step(x, convolution.fresh_state(1))
    (gradient,) = torch.autograd.grad(y[0, :, 20].sum(), x)
    heard = gradient.abs().sum((0, 1)).nonzero().flatten().tolist()
    assert heard == [16, 17, 18, 19, 20]


def test_slots_do_not_see_each_other() -> None:
    convolution, x = layer(7), signal(3)
    _, state = convolution.step(x[..., :30], convolution.fresh_state(3))
    together, _ = convolution.step(x[..., 30:], state)
    changed = x.clone()
    changed[1] = 99
    past = ConvolutionState(state.past.clone())
    past.past[1] = -99
    others, _ = convolution.step(changed[..., 30:], past)
    assert torch.equal(together[[0, 2]], others[[0, 2]])
    assert not torch.equal(together[1], others[1])


def test_a_step_leaves_the_state_it_was_given_alone() -> None:
    convolution = layer(7)
    state = convolution.fresh_state(1)
    _, after = convolution.step(signal(1), state)
    assert not state.past.any()
    assert after.past.any()
