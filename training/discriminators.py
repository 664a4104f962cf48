"""Multi-scale STFT discriminator (Encodec, used by every recipe of the paper's toolkit)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

SLOPE = 0.2


@dataclass(frozen=True, slots=True)
class Judgement:
    """One discriminator's view: `logits` (any shape, high = real) and the feature maps on the way."""

    logits: Tensor
    features: tuple[Tensor, ...]


class StftDiscriminator(nn.Module):
    """Judges the complex spectrum at one resolution with 2-D convolutions over (time, frequency)."""

    window: Tensor

    def __init__(self, n_fft: int, filters: int) -> None:
        super().__init__()
        self.n_fft = n_fft
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)
        layers = [nn.Conv2d(2, filters, (3, 9), padding=(1, 4))]
        for dilation in (1, 2, 4):
            layers.append(
                weight_norm(
                    nn.Conv2d(
                        filters, filters, (3, 9), stride=(1, 2), dilation=(dilation, 1), padding=(dilation, 4)
                    )
                )
            )
        layers.append(weight_norm(nn.Conv2d(filters, filters, (3, 3), padding=(1, 1))))
        self.layers = nn.ModuleList(layers)
        self.judge = weight_norm(nn.Conv2d(filters, 1, (3, 3), padding=(1, 1)))

    def forward(self, audio: Tensor) -> Judgement:
        """Judge `[item, sample]`."""
        spectra = torch.stft(
            audio,
            self.n_fft,
            self.n_fft // 4,
            window=self.window,
            normalized=True,
            center=False,
            return_complex=True,
        )
        x = torch.view_as_real(spectra).permute(0, 3, 2, 1)
        features = []
        for layer in self.layers:
            x = functional.leaky_relu(layer(x), SLOPE)
            features.append(x)
        return Judgement(self.judge(x), tuple(features))


class MultiScaleDiscriminator(nn.Module):
    """Several resolutions side by side."""

    def __init__(self, n_ffts: tuple[int, ...], filters: int) -> None:
        super().__init__()
        self.scales = nn.ModuleList(StftDiscriminator(n_fft, filters) for n_fft in n_ffts)

    def forward(self, audio: Tensor) -> list[Judgement]:
        """One judgement per scale of `[item, sample]`."""
        return [scale(audio) for scale in self.scales]
