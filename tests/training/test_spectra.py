"""Spectra of known sounds, and gradients that survive silence."""

import math

import pytest
import torch

from training.losses.magnitude_spectra import MEL_SCALES
from training.spectra import LogMel, Magnitudes

RATE = 16000


def tone(hertz: float, seconds: float = 0.5) -> torch.Tensor:
    return torch.sin(2 * math.pi * hertz * torch.arange(round(seconds * RATE)) / RATE)[None]


@pytest.mark.parametrize("n_fft", [256, 1024])
@pytest.mark.parametrize("hertz", [500, 3000])
def test_a_tone_peaks_in_its_bin(n_fft: int, hertz: int) -> None:
    scale = Magnitudes(n_fft)
    magnitudes = scale(scale.spectra(tone(hertz)))
    assert magnitudes.shape == (1, n_fft // 2 + 1, 0.5 * RATE // (n_fft // 4) + 1)
    assert int(magnitudes[0, :, 10].argmax()) == round(hertz * n_fft / RATE)
    # A Hann window adds up to half its length, and a sine is two complex tones of half the height.
    assert float(magnitudes[0, :, 10].max()) == pytest.approx(n_fft / 4, rel=0.02)


def test_a_tone_peaks_in_its_mel_band() -> None:
    scale, mel = Magnitudes(1024), LogMel(1024, 80, RATE)
    top_mel = 2595 * math.log10(1 + 8000 / 700)
    for hertz in (300, 1000, 4000):
        bands = mel(scale(scale.spectra(tone(hertz))))[0]
        assert bands.shape == (0.5 * RATE // 256 + 1, 80)
        wanted = 2595 * math.log10(1 + hertz / 700) / top_mel * 81 - 1
        assert abs(int(bands[10].argmax()) - wanted) <= 1


@pytest.mark.parametrize(("n_fft", "bands"), MEL_SCALES)
def test_every_band_of_the_loss_holds_a_bin(n_fft: int, bands: int) -> None:
    assert (LogMel(n_fft, bands, RATE).bank.sum(0) > 0).all()


def test_ten_times_louder_is_one_more() -> None:
    scale, mel = Magnitudes(512), LogMel(512, 40, RATE)
    quiet, loud = (mel(scale(scale.spectra(tone(1000) * gain)))[0, 10].max() for gain in (0.05, 0.5))
    assert float(loud - quiet) == pytest.approx(1, abs=1e-3)


def test_silence_is_the_floor_and_has_a_finite_gradient() -> None:
    scale, mel = Magnitudes(512), LogMel(512, 40, RATE)
    silence = torch.zeros(1, 4000, requires_grad=True)
    magnitudes = scale(scale.spectra(silence))
    assert mel(magnitudes).min() >= -4
    magnitudes.sum().backward()
    assert silence.grad is not None
    assert torch.isfinite(silence.grad).all()
