"""Losses between two waveforms: time, level, and what their spectra add."""

from collections.abc import Collection

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.losses.envelopes import ENVELOPE_TERM, EnvelopeLoss, shortest_samples
from training.losses.magnitude_spectra import MAGNITUDE_TERMS, MEL_SCALES, MagnitudeSpectraLoss
from training.losses.power_spectra import N_FFT, POWER_TERMS, PowerSpectraLoss


class ReconstructionLoss(nn.Module):
    """The terms of `[item, sample]` pairs named in `terms`; names of other losses are passed over.

    `time`: L1 of the waveform; `power_mel`, `log_power`, `mel`, `spectrum`: of spectra; `envelopes`: of the
    energies that carry intelligibility; `level` in dB: the other terms are smallest for an output that is a
    little too quiet wherever the waveform is uncertain, which at few codebooks adds up to several dB.
    """

    def __init__(self, sample_rate: int, terms: Collection[str]) -> None:
        super().__init__()
        self.terms = frozenset(terms)
        self.spectra = nn.ModuleList()
        if wanted := self.terms & POWER_TERMS:
            self.spectra.append(PowerSpectraLoss(sample_rate, wanted))
        if wanted := self.terms & MAGNITUDE_TERMS:
            self.spectra.append(MagnitudeSpectraLoss(sample_rate, wanted))
        self.envelopes = EnvelopeLoss(sample_rate) if ENVELOPE_TERM in self.terms else None

    def forward(self, target: Tensor, output: Tensor) -> dict[str, Tensor]:
        """The terms by name, each a scalar, not yet weighted; single precision also under autocast."""
        terms = {}
        with torch.autocast(output.device.type, enabled=False):
            target, output = target.float(), output.float()
            if "time" in self.terms:
                terms["time"] = functional.l1_loss(output, target)
            for spectra in self.spectra:
                terms |= spectra(target, output)
            if self.envelopes:
                terms[ENVELOPE_TERM] = self.envelopes(target, output)
            if "level" in self.terms:
                terms["level"] = _level(target, output)
        return terms


def longest_window(terms: Collection[str], sample_rate: int) -> int:
    """Samples of the longest window that any of the terms looks through."""
    power = N_FFT if POWER_TERMS & set(terms) else 1
    magnitude = max(n_fft for n_fft, _ in MEL_SCALES) if MAGNITUDE_TERMS & set(terms) else 1
    envelopes = shortest_samples(sample_rate) if ENVELOPE_TERM in terms else 1
    return max(power, magnitude, envelopes)


def _level(target: Tensor, output: Tensor) -> Tensor:
    """Mean difference in level of the items, in dB; items that are nearly silent weigh nothing."""
    powers = [signal.square().mean(-1) + 1e-6 for signal in (target, output)]
    return (10 * torch.log10(powers[1] / powers[0])).abs().mean()
