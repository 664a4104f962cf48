"""Mel and compressed spectrum: what they hear, and that either can stand alone."""

import pytest
import torch

from tests.support import voiced
from training.losses.magnitude_spectra import MAGNITUDE_TERMS, MagnitudeSpectraLoss

SPEECH = torch.from_numpy(voiced(2)[8000:16000]).expand(2, -1)


@pytest.mark.parametrize("term", sorted(MAGNITUDE_TERMS))
def test_a_term_alone_is_the_term_beside_the_other(term: str) -> None:
    output = SPEECH + 0.1 * torch.randn(SPEECH.shape, generator=torch.Generator().manual_seed(0))
    both = MagnitudeSpectraLoss(16000, MAGNITUDE_TERMS)(SPEECH, output)
    alone = MagnitudeSpectraLoss(16000, {term})(SPEECH, output)
    assert set(both) == MAGNITUDE_TERMS
    assert set(alone) == {term}
    assert torch.equal(alone[term], both[term])
    assert float(alone[term]) > 0


def test_the_sign_is_heard_by_the_spectrum_only() -> None:
    terms = MagnitudeSpectraLoss(16000, MAGNITUDE_TERMS)(SPEECH, -SPEECH)
    assert float(terms["spectrum"]) > 0.1
    assert float(terms["mel"]) < 1e-6


def test_ten_times_louder_is_one_mel_unit() -> None:
    """Away from the floor; the log is of magnitudes."""
    noise = torch.randn(1, 8000, generator=torch.Generator().manual_seed(0))
    assert float(MagnitudeSpectraLoss(16000, {"mel"})(noise, 10 * noise)["mel"]) == pytest.approx(1, abs=1e-3)
