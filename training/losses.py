"""Losses of the codec: how far the reconstruction is from the input, to an ear and to a discriminator."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.spectra import LogMel, Magnitudes

MEL_SCALES = ((128, 10), (256, 20), (512, 40), (1024, 80), (2048, 128))
"""Window length and mel bands of each scale; few bands on short windows, or bands would hold no bin."""

COMPRESSED_WINDOW = 512
COMPRESSION = 0.3
"""Magnitude exponent of the compressed spectrum loss, near the ear's loudness growth."""


class ReconstructionLoss(nn.Module):
    """Time L1, multi-scale mel L1, compressed complex spectrum L1, and level of `[item, sample]` pairs.

    `level` is in dB: the other terms are smallest for an output that is a little too quiet wherever the
    waveform is uncertain, which at few codebooks adds up to several dB.
    """

    def __init__(self, sample_rate: int) -> None:
        super().__init__()
        self.scales = nn.ModuleList(Magnitudes(n_fft) for n_fft, _ in MEL_SCALES)
        self.mels = nn.ModuleList(LogMel(n_fft, bands, sample_rate) for n_fft, bands in MEL_SCALES)

    def forward(self, target: Tensor, output: Tensor) -> dict[str, Tensor]:
        """The terms by name, each a scalar, not yet weighted."""
        mel = output.new_zeros(())
        spectrum = output.new_zeros(())
        for scale, to_mel in zip(self.scales, self.mels, strict=True):
            assert isinstance(scale, Magnitudes)
            with torch.no_grad():
                target_spectra = scale.spectra(target)
                target_magnitudes = scale(target_spectra)
            output_spectra = scale.spectra(output)
            output_magnitudes = scale(output_spectra)
            mel = mel + functional.l1_loss(to_mel(output_magnitudes), to_mel(target_magnitudes))
            if scale.n_fft == COMPRESSED_WINDOW:
                ours = _compressed(output_spectra, output_magnitudes)
                theirs = _compressed(target_spectra, target_magnitudes)
                spectrum = sum(
                    (functional.l1_loss(a, b) for a, b in zip(ours, theirs, strict=True)), start=spectrum
                )
        return {
            "time": functional.l1_loss(output, target),
            "mel": mel / len(MEL_SCALES),
            "spectrum": spectrum,
            "level": _level(target, output),
        }


def _compressed(spectra: Tensor, magnitudes: Tensor) -> tuple[Tensor, Tensor]:
    """Complex parts and magnitude, both with the magnitude raised to `COMPRESSION`."""
    magnitudes = magnitudes + 1e-4
    scale = magnitudes ** (COMPRESSION - 1)
    return torch.view_as_real(spectra) * scale.unsqueeze(-1), magnitudes * scale


def _level(target: Tensor, output: Tensor) -> Tensor:
    """Mean difference in level of the items, in dB; items that are nearly silent weigh nothing."""
    powers = [signal.square().mean(-1) + 1e-6 for signal in (target, output)]
    return (10 * torch.log10(powers[1] / powers[0])).abs().mean()


def discriminator_loss(real: Sequence[Tensor], fake: Sequence[Tensor]) -> Tensor:
    """Hinge loss of the discriminators, mean over them (as in the paper): real above 1, coded below -1."""
    terms = [
        functional.relu(1 - r).mean() + functional.relu(1 + f).mean() for r, f in zip(real, fake, strict=True)
    ]
    return torch.stack(terms).mean()


def adversarial_loss(fake: Sequence[Tensor]) -> Tensor:
    """Hinge loss of the generator, mean over the discriminators."""
    return torch.stack([functional.relu(1 - f).mean() for f in fake]).mean()


def feature_loss(real: Sequence[Sequence[Tensor]], fake: Sequence[Sequence[Tensor]]) -> Tensor:
    """L1 between the discriminators' feature maps of real and coded audio, relative to the real ones."""
    terms = [
        functional.l1_loss(f, r.detach()) / r.detach().abs().mean().clamp_min(1e-3)
        for reals, fakes in zip(real, fake, strict=True)
        for r, f in zip(reals, fakes, strict=True)
    ]
    return torch.stack(terms).mean()
