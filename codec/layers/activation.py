"""What stands between the convolutions of the SEANet codecs."""

from typing import Literal

import torch
from torch import Tensor, nn


class Snake(nn.Module):
    """`x + sin^2(alpha x) / alpha` with an alpha per channel (Ziyin et al. 2020; DAC, section 3.1).

    `[batch, channel, ...]` to the same shape.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """A periodic part added to the input."""
        alpha = self.alpha.view(-1, *(1,) * (x.dim() - 2))
        # The offset is the reference's: it keeps an alpha of 0 finite.
        return torch.addcmul(x, (alpha + 1e-9).reciprocal(), torch.sin(alpha * x).square())


def activation(kind: Literal["elu", "snake"], channels: int) -> nn.Module:
    """The activation of a network for `channels` channels."""
    return Snake(channels) if kind == "snake" else nn.ELU()
