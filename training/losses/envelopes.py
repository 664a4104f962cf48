"""A loss on what makes speech intelligible: how the energy in third-octave bands moves."""

import torch
from torch import Tensor, nn

ENVELOPE_TERM = "envelopes"

_FRAME_SECONDS = 0.0256
_WINDOW_FRAMES = 30
_BANDS = 15
_LOWEST_HZ = 150.0
_LISTENED_DB = 40.0
"""Frames further below the loudest one of their item do not count, as in STOI."""


class EnvelopeLoss(nn.Module):
    """One minus the correlation of band envelopes within 384 ms.

    Half of it is the correlation over time, band by band (STOI: Taal et al. 2011, equation 5), half that over
    bands after each band was normalised over time (ESTOI: Jensen and Taal 2016, section III). The bands are
    STOI's: 15 third octaves from 150 Hz on, of frames of 25.6 ms that overlap by half.
    """

    window: Tensor
    bands: Tensor

    def __init__(self, sample_rate: int) -> None:
        super().__init__()
        frame_samples = round(_FRAME_SECONDS * sample_rate)
        self.hop_samples = frame_samples // 2
        self.n_fft = 2 ** (frame_samples - 1).bit_length()
        self.register_buffer("window", torch.hann_window(frame_samples), persistent=False)
        self.register_buffer("bands", _third_octaves(self.n_fft, sample_rate), persistent=False)

    def forward(self, target: Tensor, output: Tensor) -> Tensor:
        """Scalar in 0..2 of `[item, sample]` pairs; silence weighs nothing."""
        with torch.no_grad():
            theirs = self._envelopes(target)
            weights = _listened(theirs)
        ours = self._envelopes(output)
        over_time = [_normalised(x.unfold(-1, _WINDOW_FRAMES, 1), -1) for x in (theirs, ours)]
        over_bands = [_normalised(x, 1) for x in over_time]
        temporal = (over_time[0] * over_time[1]).sum(-1).mean(1)
        spectral = (over_bands[0] * over_bands[1]).sum(1).mean(-1)
        correlation = 0.5 * (temporal + spectral)
        return ((1 - correlation) * weights).sum() / weights.sum().clamp_min(1.0)

    def _envelopes(self, audio: Tensor) -> Tensor:
        """Magnitudes of the bands, `[item, band, frame]`; the floor keeps the gradient finite at silence."""
        spectra = torch.stft(
            audio,
            self.n_fft,
            self.hop_samples,
            win_length=len(self.window),
            window=self.window,
            return_complex=True,
        )
        powers = spectra.real.square() + spectra.imag.square()
        return (self.bands @ powers + 1e-8).sqrt()


def shortest_samples(sample_rate: int) -> int:
    """Samples that an item needs to fill one window of envelopes."""
    return _WINDOW_FRAMES * (round(_FRAME_SECONDS * sample_rate) // 2)


def _third_octaves(n_fft: int, sample_rate: int) -> Tensor:
    """`[band, bin]`, one where the bin lies in the band."""
    hz = torch.arange(n_fft // 2 + 1) * (sample_rate / n_fft)
    centres = _LOWEST_HZ * 2 ** (torch.arange(_BANDS) / 3)
    low, high = (centres * 2 ** (1 / 6 * side) for side in (-1, 1))
    return ((hz >= low.unsqueeze(1)) & (hz < high.unsqueeze(1))).float()


def _listened(envelopes: Tensor) -> Tensor:
    """Share of the frames of each window that are loud enough to count, `[item, window]`."""
    levels = envelopes.square().sum(1)
    loudest = levels.amax(-1, keepdim=True)
    loud = levels > loudest * 10 ** (-_LISTENED_DB / 10)
    return loud.float().unfold(-1, _WINDOW_FRAMES, 1).mean(-1)


def _normalised(envelopes: Tensor, axis: int) -> Tensor:
    """Mean 0 and length 1 along the axis."""
    centred = envelopes - envelopes.mean(axis, keepdim=True)
    lengths: Tensor = torch.linalg.vector_norm(centred, dim=axis, keepdim=True)
    return centred / (lengths + 1e-5)
