"""The paper's multi-scale spectrum losses: L1 + L2 of log mel bands and of log power spectra.

The power term is what FunCodec adds to Encodec's loss (paper, section 3.4). Settings are those of the
paper's toolkit, which differ from the paper's text: six windows (the paper has 2048 too), mean squared
error for L2, and transforms of 1024 points for every window.
"""

from collections.abc import Collection

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchaudio.functional import melscale_fbanks

WINDOWS = (32, 64, 128, 256, 512, 1024)
N_FFT = 1024
"""Points of the transform; shorter windows stand in its middle among zeros, so all have the same bins."""

POWER_TERMS = frozenset(("power_mel", "log_power"))

_BANDS = 64
_FLOOR = 1e-5


class PowerSpectraLoss(nn.Module):
    """`power_mel`, `log_power`: L1 + mean squared error of log10 spectra, mean over `WINDOWS`."""

    bank: Tensor

    def __init__(self, sample_rate: int, terms: Collection[str]) -> None:
        super().__init__()
        self.terms = frozenset(terms)
        bank = melscale_fbanks(
            N_FFT // 2 + 1, 0.0, sample_rate / 2, _BANDS, sample_rate, norm="slaney", mel_scale="slaney"
        )
        self.register_buffer("bank", bank, persistent=False)
        for window in WINDOWS:
            self.register_buffer(f"window_{window}", torch.hann_window(window), persistent=False)

    def forward(self, target: Tensor, output: Tensor) -> dict[str, Tensor]:
        """The wanted terms of `[item, sample]` pairs by name, each a scalar."""
        sums = {name: output.new_zeros(()) for name in sorted(self.terms)}
        for window in WINDOWS:
            with torch.no_grad():
                wanted = self.log_spectra(target, window)
            for name, found in self.log_spectra(output, window).items():
                distance = functional.l1_loss(found, wanted[name]) + functional.mse_loss(found, wanted[name])
                sums[name] = sums[name] + distance
        return {name: total / len(WINDOWS) for name, total in sums.items()}

    def log_spectra(self, audio: Tensor, window: int) -> dict[str, Tensor]:
        """Base-10 logarithms by term: `[item, frame, band]` and `[item, frame, bin]`."""
        hop = window // 4
        padded = functional.pad(audio.unsqueeze(1), ((N_FFT - hop) // 2,) * 2, "reflect").squeeze(1)
        spectra = torch.stft(
            padded,
            N_FFT,
            hop,
            window,
            window=self.get_buffer(f"window_{window}"),
            center=False,
            return_complex=True,
        )
        power = (spectra.real.square() + spectra.imag.square()).transpose(1, 2)
        logs = {}
        if "power_mel" in self.terms:
            logs["power_mel"] = torch.log10((power @ self.bank).clamp_min(_FLOOR))
        if "log_power" in self.terms:
            logs["log_power"] = torch.log10(power.clamp_min(_FLOOR))
        return logs
