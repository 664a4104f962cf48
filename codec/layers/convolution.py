"""Causal convolution over time with its past as explicit state."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class ConvolutionState:
    """`past`: the last `reach` inputs, `[slot, channel, reach]`; zeros before the first input."""

    past: Tensor


class CausalConv1d(nn.Conv1d):
    """Convolution that sees the present and the past only: `[batch, channel, time]` to the same length.

    The past before the first input is zeros. (Reflection, as in the reference models, would make the
    first outputs depend on later input, so no stream could equal it.)
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int, groups: int = 1) -> None:
        super().__init__(in_channels, out_channels, kernel, groups=groups)
        self.reach = kernel - 1

    def fresh_state(self, slots: int) -> ConvolutionState:
        """State of streams that have heard nothing yet."""
        return ConvolutionState(self.weight.new_zeros(slots, self.in_channels, self.reach))

    def step(self, x: Tensor, state: ConvolutionState) -> tuple[Tensor, ConvolutionState]:
        """Convolve the next `[batch, channel, time]` samples; returns as many, and the new state."""
        seen = torch.cat((state.past.to(x.dtype), x), dim=-1)
        return self(seen), ConvolutionState(seen[..., seen.shape[-1] - self.reach :])
