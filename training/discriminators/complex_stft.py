"""Complex STFT discriminator (SoundStream, section III-D): convolutions with complex weights.

Weights are stored as pairs of real numbers, last axis (real, imaginary), so that optimisers, autocast and
distributed training see ordinary parameters.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.discriminators.config import ComplexStftConfig
from training.discriminators.judgement import Judgement

_STAGES = (((1, 2), 1), ((2, 2), 2), ((1, 2), 4), ((2, 2), 4), ((1, 2), 8), ((2, 2), 8))
"""Strides over (frequency, time) and width after the stage, as a multiple of the first."""

_LAST_BINS = 16


class ComplexConv(nn.Module):
    """2-D convolution of complex maps `[item, channel, frequency, time]`."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: tuple[int, int],
        stride: tuple[int, int] = (1, 1),
        padding: tuple[int, int] = (0, 0),
    ) -> None:
        super().__init__()
        self.stride = stride
        self.padding = padding
        # Two parts share the variance that one real weight would have.
        bound = 1 / math.sqrt(2 * inputs * kernel[0] * kernel[1])
        self.weight = nn.Parameter(torch.empty(outputs, inputs, *kernel, 2).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(outputs, 2))

    def forward(self, maps: Tensor) -> Tensor:
        """Complex maps in, complex maps out."""
        weight, bias = torch.view_as_complex(self.weight), torch.view_as_complex(self.bias)
        return functional.conv2d(maps, weight, bias, self.stride, self.padding)


class ModReLU(nn.Module):
    """Rectifies the modulus, shifted by one learned bias, and keeps the angle."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(self, maps: Tensor) -> Tensor:
        """Complex maps of any shape; 0 stays 0, where an angle would have no gradient."""
        return torch.sgn(maps) * functional.relu(maps.abs() + self.bias)


class ComplexStftDiscriminator(nn.Module):
    """Judges the complex spectrum (no window, hop a quarter) by the modulus of its last map."""

    def __init__(self, config: ComplexStftConfig, n_fft: int) -> None:
        super().__init__()
        self.n_fft = n_fft
        width = config.channels
        self.enter = ComplexConv(1, width, (7, 7), padding=(3, 3))
        self.layers = nn.ModuleList()
        for stride, multiple in _STAGES:
            kernel = (stride[0] + 2, stride[1] + 2)
            padding = (kernel[0] // 2, kernel[1] // 2)
            wider = multiple * config.channels
            self.layers.append(
                nn.Sequential(
                    ComplexConv(width, width, (3, 3), padding=(1, 1)),
                    ModReLU(),
                    ComplexConv(width, wider, kernel, stride, padding),
                )
            )
            width = wider
        self.judge = ComplexConv(width, 1, (_LAST_BINS, 1))

    def forward(self, audio: Tensor) -> Judgement:
        """Judge `[item, sample]`; logits `[item, 1, frequency, time]`, features complex."""
        # No window is what the reference has, and what torch warns about unless it is said.
        window = torch.ones(self.n_fft, device=audio.device)
        x = torch.stft(audio, self.n_fft, self.n_fft // 4, window=window, return_complex=True)
        x = self.enter(x.unsqueeze(1))
        features = [x]
        for layer in self.layers:
            x = layer(x)
            features.append(x)
        return Judgement(self.judge(x).abs(), tuple(features))
