"""Short-time spectra for losses and metrics: centred, Hann, differentiable."""

import torch
from torch import Tensor, nn
from torchaudio.functional import melscale_fbanks


class Magnitudes(nn.Module):
    """Complex spectra and magnitudes of `[item, sample]` at one window length, hop a quarter of it."""

    window: Tensor

    def __init__(self, n_fft: int) -> None:
        super().__init__()
        self.n_fft = n_fft
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)

    def spectra(self, audio: Tensor) -> Tensor:
        """Complex `[item, bin, time]`."""
        return torch.stft(audio, self.n_fft, self.n_fft // 4, window=self.window, return_complex=True)

    def forward(self, spectra: Tensor) -> Tensor:
        """Magnitudes of complex spectra; the small floor keeps the gradient finite at silence."""
        return (spectra.real.square() + spectra.imag.square() + 1e-9).sqrt()


class LogMel(nn.Module):
    """Base-10 logarithm of mel bands (HTK scale) of magnitudes `[item, bin, time]`."""

    bank: Tensor

    def __init__(self, n_fft: int, bands: int, sample_rate: int) -> None:
        super().__init__()
        bank = melscale_fbanks(n_fft // 2 + 1, 0.0, sample_rate / 2, bands, sample_rate)
        self.register_buffer("bank", bank, persistent=False)

    def forward(self, magnitudes: Tensor) -> Tensor:
        """`[item, time, band]`, floored at 1e-4."""
        return torch.log10((magnitudes.transpose(1, 2) @ self.bank).clamp_min(1e-4))
