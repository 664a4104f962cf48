"""The causal spectrum: perfect reconstruction, causality, exact streams, bits that shape cannot change."""

import math
import random

import pytest
import torch
from torch import Tensor

from codec.config import SpectrumConfig
from codec.domain import CausalSpectrum, compress, expand
from tests.codec.models import noise

FLOOR = 1e-4
LAYOUTS = [(512, 160), (512, 256), (512, 128), (400, 100), (320, 160), (511, 100)]


def spectrum(n_fft: int, hop: int) -> CausalSpectrum:
    return CausalSpectrum(SpectrumConfig(n_fft=n_fft, hop_samples=hop))


def analyse(domain: CausalSpectrum, audio: Tensor) -> Tensor:
    return domain.analyse(audio, domain.fresh_analysis(len(audio)))[0]


def invert(domain: CausalSpectrum, spectra: Tensor) -> Tensor:
    return domain.invert(spectra, domain.fresh_inversion(len(spectra)))[0]


@pytest.mark.parametrize(("n_fft", "hop"), LAYOUTS)
def test_inversion_gives_the_audio_back_after_the_delay(n_fft: int, hop: int) -> None:
    domain = spectrum(n_fft, hop)
    audio = noise(2, 40 * hop)[:, 0]
    delay = domain.config.overlap_samples
    heard = invert(domain, analyse(domain, audio))
    assert heard.shape == audio.shape
    torch.testing.assert_close(heard[:, delay:], audio[:, : heard.shape[1] - delay], rtol=0, atol=1e-5)
    torch.testing.assert_close(heard[:, :delay], torch.zeros(2, delay), rtol=0, atol=1e-5)


@pytest.mark.parametrize("number", [3, 20, 100])
def test_a_tone_lands_in_its_bin(number: int) -> None:
    domain = spectrum(512, 160)
    time = torch.arange(8000) / 16000
    tone = torch.sin(2 * math.pi * number * 16000 / 512 * time)
    power = analyse(domain, tone[None]).abs().square()[0, 10]
    assert int(power.argmax()) == number
    assert power[number - 1 : number + 2].sum() > 0.999 * power.sum()


def test_an_impulse_is_in_the_spectra_whose_window_covers_it() -> None:
    domain, at = spectrum(512, 160), 1000
    audio = torch.zeros(1, 3200)
    audio[0, at] = 1
    level = analyse(domain, audio).abs().sum(-1)[0]
    covering = [t for t in range(20) if 160 * (t + 1) - 512 <= at < 160 * (t + 1)]
    assert level.gt(1e-6).nonzero().flatten().tolist() == covering


def test_later_samples_never_change_earlier_spectra() -> None:
    domain = spectrum(512, 160)
    audio = noise(1, 3200)[:, 0]
    changed = audio.clone()
    changed[:, 1600:] = 0
    first, second = analyse(domain, audio), analyse(domain, changed)
    assert torch.equal(first[:, :10], second[:, :10])
    assert not torch.equal(first[:, 10], second[:, 10])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("n_fft", "hop"), [(512, 160), (400, 100), (320, 160)])
def test_any_split_gives_the_same_bits(n_fft: int, hop: int, seed: int) -> None:
    domain, source = spectrum(n_fft, hop), random.Random(seed)
    audio = noise(2, 50 * hop, seed)[:, 0]
    spectra = analyse(domain, audio)
    whole = invert(domain, spectra)
    analysis, inversion, position = domain.fresh_analysis(2), domain.fresh_inversion(2), 0
    found, heard = [], []
    while position < 50:
        size = min(source.choice([1, 1, 2, 3, 11]), 50 - position)
        piece, analysis = domain.analyse(audio[:, position * hop : (position + size) * hop], analysis)
        sound, inversion = domain.invert(spectra[:, position : position + size], inversion)
        found.append(piece)
        heard.append(sound)
        position += size
    assert torch.equal(torch.cat(found, 1), spectra)
    assert torch.equal(torch.cat(heard, 1), whole)


@pytest.mark.parametrize("exponent", [0.3, 0.5, 1.0])
def test_expand_undoes_compress(exponent: float) -> None:
    spectra = analyse(spectrum(512, 160), noise(1, 8000)[:, 0])
    parts = compress(spectra, exponent, FLOOR)[..., : 2 * spectra.shape[-1]]
    # The floor belongs to the compressed magnitude, so it has to be far below it here.
    back = expand(parts, exponent, 1e-6)
    loud = spectra.abs() > 0.1
    torch.testing.assert_close(back[loud], spectra[loud], rtol=1e-3, atol=1e-5)


def test_compression_keeps_the_phase_and_raises_the_magnitude() -> None:
    spectra = torch.polar(torch.tensor([0.25, 4.0, 9.0]), torch.tensor([0.3, -2.0, 3.1]))
    real, imaginary, level = compress(spectra, 0.5, 1e-6).chunk(3)
    packed = torch.complex(real, imaginary)
    torch.testing.assert_close(packed.abs(), spectra.abs().sqrt())
    torch.testing.assert_close(packed.angle(), spectra.angle())
    torch.testing.assert_close(level, spectra.abs().log() * 0.25 + 1)


def test_silence_is_finite_and_comes_back_as_silence() -> None:
    silence = torch.zeros(1, 4, 257, dtype=torch.complex64)
    packed = compress(silence, 0.5, FLOOR)
    assert torch.isfinite(packed).all()
    assert not expand(packed[..., :514], 0.5, FLOOR).abs().any()


def test_bits_do_not_depend_on_the_shape_of_the_tensor() -> None:
    spectra = analyse(spectrum(512, 160), noise(7, 8000, seed=3)[:, 0])
    packed = compress(spectra, 0.5, FLOOR)
    wide = expand(packed[..., :514], 0.5, FLOOR)
    for item, frame in ((0, 0), (3, 17), (6, 49)):
        alone = compress(spectra[item : item + 1, frame : frame + 1], 0.5, FLOOR)
        assert torch.equal(alone[0, 0], packed[item, frame])
        assert torch.equal(expand(alone[..., :514], 0.5, FLOOR)[0, 0], wide[item, frame])


def test_buffers_are_restored_for_a_module_made_without_memory() -> None:
    with torch.device("meta"):
        domain = spectrum(512, 160)
    domain.to_empty(device="cpu").reset_buffers()
    audio = noise(1, 3200)[:, 0]
    assert torch.equal(analyse(domain, audio), analyse(spectrum(512, 160), audio))
