"""Residual block of the frame-rate networks (after ConvNeXt, Liu et al. 2022, made causal)."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from codec.layers.convolution import CausalConv1d, ConvolutionState
from codec.layers.pauses import pause


class ResidualBlock(nn.Module):
    """Depthwise convolution over time, then a two-layer perceptron per frame, added to the input.

    `[batch, frame, channel]` in and out. `gain` scales the branch per channel; it starts small, so that
    a fresh stack is close to the identity and a linear start of the layers around it survives.
    """

    def __init__(self, width: int, expansion: int, kernel: int, gain: float = 0.05) -> None:
        super().__init__()
        self.convolution = CausalConv1d(width, width, kernel, groups=width)
        self.norm = nn.LayerNorm(width)
        self.widen = nn.Linear(width, width * expansion)
        self.narrow = nn.Linear(width * expansion, width)
        self.gain = nn.Parameter(torch.full((width,), gain))

    def fresh_state(self, slots: int) -> ConvolutionState:
        """State of streams that have heard nothing yet."""
        return self.convolution.fresh_state(slots)

    def step(self, x: Tensor, state: ConvolutionState) -> tuple[Tensor, ConvolutionState]:
        """The block's output for the next frames `[batch, frame, channel]`, and the new state."""
        mixed, state = self.convolution.step(x.transpose(1, 2), state)
        inner = functional.gelu(self.widen(self.norm(mixed.transpose(1, 2))))
        pause()
        return x + self.gain * self.narrow(inner), state
