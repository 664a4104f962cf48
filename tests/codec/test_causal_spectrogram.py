"""The streaming spectrum: every sample comes back, and items do not feel each other."""

import pytest
import torch

from codec.causal_spectrogram import CausalSpectrogram
from codec.seanet_config import SpectrogramDomain

DOMAIN = SpectrogramDomain(kind="mag_phase", streaming=True)


def noise(batch: int, samples: int) -> torch.Tensor:
    return torch.randn(batch, samples, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("samples", [1, 319, 320, 321, 5000])
def test_every_sample_comes_back(samples: int) -> None:
    spectrogram, audio = CausalSpectrogram(DOMAIN, 2).double(), noise(1, samples)
    spectra, _ = spectrogram.analyse(audio, None)
    assert spectra.shape == (1, 257, 2 * -(-(samples + 352) // 320))
    heard = spectrogram.invert(spectra, None)
    # The window is computed in float32.
    torch.testing.assert_close(heard[:, :samples], audio, rtol=0, atol=1e-5)


def test_an_item_of_a_batch_is_the_item_alone() -> None:
    spectrogram, lengths = CausalSpectrogram(DOMAIN, 2).double(), [3000, 1, 640]
    audio = noise(3, 3000)
    for item, length in enumerate(lengths):
        audio[item, length:] = 0
    spectra, ends = spectrogram.analyse(audio, torch.tensor(lengths))
    assert ends is not None
    for item, length in enumerate(lengths):
        alone, _ = spectrogram.analyse(audio[item : item + 1, :length], None)
        assert int(ends[item]) == alone.shape[-1]
        torch.testing.assert_close(spectra[item : item + 1, :, : alone.shape[-1]], alone, rtol=0, atol=1e-12)


def test_steps_give_the_whole() -> None:
    spectrogram, audio = CausalSpectrogram(DOMAIN, 2).double(), noise(2, 1600)
    state, pieces = spectrogram.transform.fresh_analysis(2), []
    for piece in audio.split([320, 960, 320], dim=-1):
        spectra, state = spectrogram.step(piece, state)
        pieces.append(spectra)
    whole, _ = spectrogram.analyse(audio, None)
    torch.testing.assert_close(torch.cat(pieces, dim=-1), whole[..., :10], rtol=0, atol=1e-12)
