"""The centred spectrum is torch's, and an item of a batch has the spectra it has alone."""

import numpy as np
import pytest
import torch

from codec.seanet_config import SpectrogramDomain
from codec.spectrogram import CentredSpectrogram, pack, unpack
from tests.support import voiced

DOMAIN = SpectrogramDomain(kind="mag_phase")


def speech(seconds: float, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.asarray(voiced(seconds, seed=seed))).unsqueeze(0)


def test_spectra_are_those_of_torch() -> None:
    audio = speech(0.3)
    spectra, _ = CentredSpectrogram(DOMAIN).analyse(audio, None)
    expected = torch.stft(audio, 512, 160, window=torch.hann_window(512), return_complex=True)
    assert spectra.shape == (1, 257, audio.shape[-1] // 160 + 1)
    torch.testing.assert_close(spectra, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("samples", [1, 2, 159, 160, 161, 255, 256, 257, 4800, 4959])
def test_the_inverse_gives_every_sample_back(samples: int) -> None:
    spectrogram = CentredSpectrogram(DOMAIN).double()
    audio = torch.randn(1, samples, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    spectra, _ = spectrogram.analyse(audio, None)
    again = spectrogram.invert(spectra, None)
    assert again.shape[-1] == spectra.shape[-1] * 160 >= samples
    torch.testing.assert_close(again[:, :samples], audio, rtol=0, atol=1e-9)


def test_the_last_hop_is_dropped_only_when_asked() -> None:
    spectra, _ = CentredSpectrogram(DOMAIN).analyse(speech(0.2), None)
    dropping = CentredSpectrogram(DOMAIN.model_copy(update={"drops_last_hop": True}))
    kept, cut = CentredSpectrogram(DOMAIN).invert(spectra, None), dropping.invert(spectra, None)
    assert cut.shape[-1] == kept.shape[-1] - 160
    assert torch.equal(kept[:, : cut.shape[-1]], cut)
    window = torch.hann_window(512)
    torch.testing.assert_close(cut, torch.istft(spectra, 512, 160, window=window), rtol=0, atol=1e-5)


@pytest.mark.parametrize("drops", [False, True])
def test_items_of_a_batch_do_not_feel_each_other(drops: bool) -> None:
    spectrogram = CentredSpectrogram(DOMAIN.model_copy(update={"drops_last_hop": drops})).double()
    lengths = [3000, 1, 256, 257, 1601]
    audio = torch.randn(5, 3100, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    spectra, ends = spectrogram.analyse(audio, torch.tensor(lengths))
    assert ends is not None
    together = spectrogram.invert(spectra, ends)
    for item, length in enumerate(lengths):
        alone, _ = spectrogram.analyse(audio[item : item + 1, :length], None)
        assert int(ends[item]) == alone.shape[-1] == length // 160 + 1
        torch.testing.assert_close(spectra[item : item + 1, :, : alone.shape[-1]], alone, rtol=0, atol=1e-10)
        heard = spectrogram.invert(alone, None)
        kept = together[item : item + 1, : heard.shape[-1]]
        torch.testing.assert_close(kept, heard, rtol=0, atol=1e-10)
        assert not together[item, heard.shape[-1] :].any()


@pytest.mark.parametrize("kind", ["mag_angle", "mag_phase"])
@pytest.mark.parametrize("nyquist", [False, True])
def test_features_hold_the_whole_spectrum(kind: str, nyquist: bool) -> None:
    domain = SpectrogramDomain.model_validate({"kind": kind, "keeps_nyquist": nyquist})
    spectra, _ = CentredSpectrogram(domain).analyse(speech(0.2), None)
    features = pack(spectra, domain)
    assert features.shape == (1, domain.channels, 256 + nyquist, spectra.shape[-1])
    magnitude = features[:, :1].exp()
    # What a decoder would have to give: the softplus and the sine undone.
    before = torch.where(magnitude > 20, magnitude, torch.log(torch.expm1(magnitude)))
    phase = torch.asin((features[:, 1:] / torch.pi).clamp(-1, 1)) if kind == "mag_angle" else features[:, 1:]
    heard = unpack(torch.cat((before, phase), dim=1), domain)
    assert heard.shape == spectra.shape
    rows = slice(0, domain.rows)
    torch.testing.assert_close(heard[:, rows], spectra[:, rows], rtol=1e-3, atol=1e-4)
    assert not heard[:, domain.rows :].any()
