"""Between waveform and short-time spectrum, causally: analysis, inversion, magnitude compression.

Spectrum t covers the samples up to and including its hop, `[hop (t + 1) - n_fft, hop (t + 1))`:

    samples   0      160     320     480     640
    t = 0  [..zeros..|==hop==]
    t = 1     [......|.......|==hop==]

so nothing waits for the future. The inverse adds the windows that overlap: a sample is complete once
the last window that covers it has arrived, `n_fft - hop` samples later. That is the only delay.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from codec.config import SpectrumConfig


@dataclass(frozen=True, slots=True)
class AnalysisState:
    """`past`: the last `n_fft - hop` samples, `[slot, sample]`."""

    past: Tensor


@dataclass(frozen=True, slots=True)
class InversionState:
    """`past`: the windowed frames that still reach into the future, in hops: `[slot, frame, piece, hop]`."""

    past: Tensor


class CausalSpectrum(nn.Module):
    """Hann-windowed short-time Fourier transform and its inverse, one hop at a time."""

    window: Tensor
    normaliser: Tensor

    def __init__(self, config: SpectrumConfig) -> None:
        super().__init__()
        self.config = config
        self.pieces = -(-config.n_fft // config.hop_samples)
        self.register_buffer("window", torch.empty(config.n_fft), persistent=False)
        self.register_buffer("normaliser", torch.empty(config.hop_samples), persistent=False)
        self.reset_buffers()

    def reset_buffers(self) -> None:
        """Compute what is not stored with the weights; needed after the module was made without memory."""
        self.window.copy_(torch.hann_window(self.config.n_fft, periodic=True))
        self.normaliser.copy_(1 / self._cut(self.window.square()).sum(0))

    def _cut(self, frames: Tensor) -> Tensor:
        """`[..., n_fft]` into `[..., piece, hop]`, zeros after the end."""
        missing = self.pieces * self.config.hop_samples - self.config.n_fft
        cut: Tensor = functional.pad(frames, (0, missing)).unflatten(
            -1, (self.pieces, self.config.hop_samples)
        )
        return cut

    def fresh_analysis(self, slots: int) -> AnalysisState:
        """State of streams that have heard nothing: silence before the first sample."""
        return AnalysisState(self.window.new_zeros(slots, self.config.overlap_samples))

    def fresh_inversion(self, slots: int) -> InversionState:
        """State of streams that have said nothing."""
        shape = (slots, self.pieces - 1, self.pieces, self.config.hop_samples)
        return InversionState(self.window.new_zeros(shape))

    def analyse(self, audio: Tensor, state: AnalysisState) -> tuple[Tensor, AnalysisState]:
        """`[batch, sample]` (whole hops) to complex spectra `[batch, spectrum, bin]`."""
        seen = torch.cat((state.past, audio), dim=-1)
        windows = seen.unfold(-1, self.config.n_fft, self.config.hop_samples) * self.window
        return torch.fft.rfft(windows), AnalysisState(seen[:, seen.shape[1] - self.config.overlap_samples :])

    def invert(self, spectra: Tensor, state: InversionState) -> tuple[Tensor, InversionState]:
        """Complex `[batch, spectrum, bin]` to `[batch, sample]`, `n_fft - hop` samples late.

        The overlapping pieces are added in the order of their age, whatever the split into steps, so
        that a stream gives the offline waveform bit for bit.
        """
        n_spectra = spectra.shape[1]
        frames = torch.fft.irfft(spectra, n=self.config.n_fft) * self.window
        cut = torch.cat((state.past, self._cut(frames)), dim=1)
        reach = self.pieces - 1
        total = cut[:, reach:, 0]
        for age in range(1, self.pieces):
            total = total + cut[:, reach - age : reach - age + n_spectra, age]
        return (total * self.normaliser).flatten(1), InversionState(cut[:, cut.shape[1] - reach :])


def compress(spectra: Tensor, exponent: float, floor: float) -> Tensor:
    """Complex spectra to features `[..., 3 bins]`: compressed real and imaginary parts, log magnitude.

    The compressed parts keep the phase and raise the magnitude to `exponent`. Powers go through log and
    exp, which give the same bits whatever the tensor's shape; torch's own `pow` does not.
    """
    parts = torch.view_as_real(spectra)
    log_power = torch.log(parts.square().sum(-1) + floor * floor)
    scale = torch.exp(log_power * (0.5 * (exponent - 1)))
    return torch.cat((parts[..., 0] * scale, parts[..., 1] * scale, log_power * 0.125 + 1.0), dim=-1)


def expand(parts: Tensor, exponent: float, floor: float) -> Tensor:
    """The inverse for the compressed parts `[..., 2 bins]` (real, then imaginary): complex spectra."""
    real, imaginary = parts.chunk(2, dim=-1)
    log_power = torch.log(real.square() + imaginary.square() + floor * floor)
    scale = torch.exp(log_power * (0.5 * (1 / exponent - 1)))
    return torch.complex(real * scale, imaginary * scale)
