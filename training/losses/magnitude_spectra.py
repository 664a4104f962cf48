"""Losses on magnitudes at several resolutions: mel bands, and a compressed complex spectrum."""

from collections.abc import Collection

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.spectra import LogMel, Magnitudes

MEL_SCALES = ((128, 10), (256, 20), (512, 40), (1024, 80), (2048, 128))
"""Window length and mel bands of each scale; few bands on short windows, or bands would hold no bin."""

MAGNITUDE_TERMS = frozenset(("mel", "spectrum"))

_COMPRESSED_WINDOW = 512
_COMPRESSION = 0.3
"""Magnitude exponent of the compressed spectrum loss, near the ear's loudness growth."""


class MagnitudeSpectraLoss(nn.Module):
    """`mel`: L1 of log mel bands, mean over `MEL_SCALES`; `spectrum`: L1 of a compressed complex spectrum."""

    def __init__(self, sample_rate: int, terms: Collection[str]) -> None:
        super().__init__()
        self.terms = frozenset(terms)
        scales = [
            (n_fft, bands) for n_fft, bands in MEL_SCALES if "mel" in terms or n_fft == _COMPRESSED_WINDOW
        ]
        self.scales = nn.ModuleList(Magnitudes(n_fft) for n_fft, _ in scales)
        self.mels = nn.ModuleList(LogMel(n_fft, bands, sample_rate) for n_fft, bands in scales)

    def forward(self, target: Tensor, output: Tensor) -> dict[str, Tensor]:
        """The wanted terms of `[item, sample]` pairs by name, each a scalar."""
        mel = output.new_zeros(())
        spectrum = output.new_zeros(())
        for scale, to_mel in zip(self.scales, self.mels, strict=True):
            assert isinstance(scale, Magnitudes)
            with torch.no_grad():
                target_spectra = scale.spectra(target)
                target_magnitudes = scale(target_spectra)
            output_spectra = scale.spectra(output)
            output_magnitudes = scale(output_spectra)
            if "mel" in self.terms:
                mel = mel + functional.l1_loss(to_mel(output_magnitudes), to_mel(target_magnitudes))
            if "spectrum" in self.terms and scale.n_fft == _COMPRESSED_WINDOW:
                ours = _compressed(output_spectra, output_magnitudes)
                theirs = _compressed(target_spectra, target_magnitudes)
                spectrum = sum(
                    (functional.l1_loss(a, b) for a, b in zip(ours, theirs, strict=True)), start=spectrum
                )
        found = {"mel": mel / len(MEL_SCALES), "spectrum": spectrum}
        return {name: term for name, term in found.items() if name in self.terms}


def _compressed(spectra: Tensor, magnitudes: Tensor) -> tuple[Tensor, Tensor]:
    """Complex parts and magnitude, both with the magnitude raised to `_COMPRESSION`."""
    magnitudes = magnitudes + 1e-4
    scale = magnitudes ** (_COMPRESSION - 1)
    return torch.view_as_real(spectra) * scale.unsqueeze(-1), magnitudes * scale
