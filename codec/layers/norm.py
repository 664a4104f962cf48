"""Group norm with one group over channels, frequency and time, which ends where the item ends."""

import torch
from torch import Tensor, nn

from codec.layers.ragged import inside


class TimeGroupNorm(nn.Module):
    """Zero mean and unit variance of a whole item, then gain and bias per channel.

    `[batch, channel, ..., time]`; the mean and variance of an item are taken over its own steps only.
    """

    def __init__(self, channels: int, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.epsilon = epsilon
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor, lengths: Tensor | None) -> Tensor:
        """Normalise; what stands after an item's end has no meaning."""
        if lengths is None:
            return torch.group_norm(x, 1, self.weight, self.bias, self.epsilon)
        shape = (x.shape[0], *(1,) * (x.dim() - 2), x.shape[-1])
        outside = ~inside(lengths, x.shape[-1]).view(shape)
        axes = tuple(range(1, x.dim()))
        count = (lengths * (x[0].numel() // x.shape[-1])).view(-1, *(1,) * (x.dim() - 1)).to(x.dtype)
        mean = x.masked_fill(outside, 0.0).sum(axes, keepdim=True) / count
        centred = (x - mean).masked_fill(outside, 0.0)
        variance = centred.square().sum(axes, keepdim=True) / count
        scale = torch.rsqrt(variance + self.epsilon)
        affine = (-1, *(1,) * (x.dim() - 2))
        return centred * scale * self.weight.view(affine) + self.bias.view(affine)
