"""The centred short-time spectrum of FreqCodec (paper, section 3.3), exact at both ends of every item.

Spectrum t is centred on sample `hop * t`, so n samples have `n // hop + 1` spectra. Before the start and
after the end the signal is mirrored (one shorter than half a window gets zeros at its end first).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from codec.layers.ragged import Padding, inside, silence
from codec.seanet_config import SpectrogramDomain


class CentredSpectrogram(nn.Module):
    """Hann-windowed short-time Fourier transform and its inverse for whole items."""

    window: Tensor

    def __init__(self, config: SpectrogramDomain) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("window", torch.empty(config.n_fft), persistent=False)
        self.reset_buffers()

    def reset_buffers(self) -> None:
        """Compute what is not stored with the weights; needed after the module was made without memory."""
        self.window.copy_(torch.hann_window(self.config.n_fft, periodic=True))

    def analyse(self, audio: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Complex `[batch, bin, spectrum]` of `[batch, sample]`, and each item's number of spectra."""
        half = self.config.n_fft // 2
        padded = Padding(half, half, reflect=True).apply(audio.unsqueeze(1), lengths)[:, 0]
        windows = padded.unfold(-1, self.config.n_fft, self.config.hop_samples) * self.window
        lengths = None if lengths is None else lengths // self.config.hop_samples + 1
        return torch.fft.rfft(windows).transpose(1, 2), lengths

    def invert(self, spectra: Tensor, lengths: Tensor | None) -> Tensor:
        """`[batch, sample]` of complex `[batch, bin, spectrum]`: a hop per spectrum.

        With `drops_last_hop` the last spectrum gives nothing, as what lies behind its centre is dropped.
        """
        hop, n_fft = self.config.hop_samples, self.config.n_fft
        count = spectra.shape[-1]
        frames = torch.fft.irfft(spectra.transpose(1, 2), n=n_fft) * self.window
        weights = self.window.square().expand(1, count, -1)
        if lengths is not None:
            heard = inside(lengths, count).unsqueeze(-1)
            frames, weights = frames.masked_fill(~heard, 0.0), weights * heard
        total = (count - 1) * hop + n_fft
        added, norm = self._overlap_add(frames, total), self._overlap_add(weights, total)
        wanted = (count - self.config.drops_last_hop) * hop
        kept = slice(n_fft // 2, n_fft // 2 + wanted)
        audio = added[:, kept] / norm[:, kept].clamp_min(1e-11)
        if lengths is None:
            return audio
        return silence(audio, (lengths - int(self.config.drops_last_hop)) * hop)

    def _overlap_add(self, frames: Tensor, total: int) -> Tensor:
        """`[batch, sample]` of windows `[batch, spectrum, n_fft]`."""
        folded = functional.fold(
            frames.transpose(1, 2), (1, total), (1, self.config.n_fft), stride=(1, self.config.hop_samples)
        )
        return folded[:, 0, 0]


def pack(spectra: Tensor, config: SpectrogramDomain) -> Tensor:
    """Complex `[batch, bin, spectrum]` as the network's input `[batch, channel, row, spectrum]`."""
    spectra = spectra[:, : config.rows]
    magnitude = spectra.abs().clamp_min(config.floor)
    level = torch.log(magnitude)
    if config.kind == "mag_angle":
        return torch.stack((level, spectra.angle()), dim=1)
    return torch.stack((level, spectra.real / magnitude, spectra.imag / magnitude), dim=1)


def unpack(parts: Tensor, config: SpectrogramDomain) -> Tensor:
    """The network's output `[batch, channel, row, spectrum]` as complex `[batch, bin, spectrum]`.

    The first channel is the magnitude before a softplus; the phase is not normalised to unit length. A bin
    that the network does not see is silent.
    """
    magnitude = functional.softplus(parts[:, 0])
    if config.kind == "mag_angle":
        angle = torch.pi * torch.sin(parts[:, 1])
        spectra = torch.complex(magnitude * torch.cos(angle), magnitude * torch.sin(angle))
    else:
        spectra = torch.complex(magnitude * parts[:, 1], magnitude * parts[:, 2])
    return functional.pad(spectra, (0, 0, 0, config.n_fft // 2 + 1 - config.rows))
