"""Multi-scale STFT discriminator (Encodec, used by every recipe of the paper's toolkit)."""

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

from training.discriminators.config import StftConfig
from training.discriminators.judgement import Judgement

SLOPE = 0.2


class StftDiscriminator(nn.Module):
    """Judges the complex spectrum at one resolution with 2-D convolutions over (time, frequency)."""

    window: Tensor

    def __init__(self, config: StftConfig, n_fft: int) -> None:
        super().__init__()
        self.n_fft = n_fft
        self.pool_logits = config.pool_logits
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)
        filters = config.filters
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
        """Judge `[item, sample]`; logits `[item, 1, time, frequency]`."""
        spectra = torch.stft(
            audio, self.n_fft, self.n_fft // 4, window=self.window, center=False, return_complex=True
        )
        # Unit power for unit noise, whatever the window.
        spectra = spectra / self.window.square().sum().sqrt()
        x = torch.view_as_real(spectra).permute(0, 3, 2, 1)
        features = []
        for layer in self.layers:
            x = functional.leaky_relu(layer(x), SLOPE)
            features.append(x)
        logits = self.judge(x)
        if self.pool_logits:
            logits = functional.avg_pool2d(logits, 4, 2, padding=1, count_include_pad=False)
        return Judgement(logits, tuple(features))
