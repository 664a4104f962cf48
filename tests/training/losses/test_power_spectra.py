"""The paper's spectrum losses, against values of its toolkit."""

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.support import shared_dir
from training.losses.power_spectra import POWER_TERMS, WINDOWS, PowerSpectraLoss


@pytest.fixture(scope="module")
def golden() -> dict[str, Tensor]:
    with np.load(shared_dir() / "golden" / "losses.npz") as vectors:
        return {name: torch.as_tensor(array) for name, array in vectors.items()}


@pytest.fixture(scope="module")
def loss() -> PowerSpectraLoss:
    return PowerSpectraLoss(16000, POWER_TERMS)


def test_spectra_of_every_window_are_those_of_the_reference(
    golden: dict[str, Tensor], loss: PowerSpectraLoss
) -> None:
    torch.testing.assert_close(loss.bank.T, golden["mel_basis"], rtol=1e-4, atol=1e-7)
    assert golden["windows"].tolist() == list(WINDOWS)
    for index, window in enumerate(WINDOWS):
        real, fake = (loss.log_spectra(golden[side], window) for side in ("real", "fake"))
        for term, name in (("power_mel", "mel"), ("log_power", "power")):
            assert real[term].shape[1] == int(golden[f"frames_w{window}"])
            difference = fake[term] - real[term]
            torch.testing.assert_close(
                torch.stack((difference.abs().mean(), difference.square().mean())),
                torch.stack((golden[f"{name}_l1"][index], golden[f"{name}_l2"][index])),
                rtol=1e-4,
                atol=0,
            )


def test_terms_are_those_of_the_reference(golden: dict[str, Tensor], loss: PowerSpectraLoss) -> None:
    terms = loss(golden["real"], golden["fake"])
    mel_only, both = (golden[f"multi_spectral_{name}"] for name in ("mel_only", "mel_and_power"))
    torch.testing.assert_close(terms["power_mel"].view(1), mel_only, rtol=1e-4, atol=0)
    torch.testing.assert_close((terms["power_mel"] + terms["log_power"]).view(1) / 2, both, rtol=1e-4, atol=0)


@pytest.mark.parametrize("term", sorted(POWER_TERMS))
def test_a_term_alone_is_the_term_beside_the_other(term: str, loss: PowerSpectraLoss) -> None:
    generator = torch.Generator().manual_seed(0)
    target, output = torch.randn(2, 1, 2000, generator=generator)
    alone = PowerSpectraLoss(16000, {term})(target, output)
    assert set(alone) == {term}
    assert torch.equal(alone[term], loss(target, output)[term])


def test_ten_times_louder_is_two_and_its_square(loss: PowerSpectraLoss) -> None:
    """Away from the floor; the log is of powers."""
    noise = torch.randn(1, 2000, generator=torch.Generator().manual_seed(0))
    terms = loss(100 * noise, 1000 * noise)
    for name in POWER_TERMS:
        assert float(terms[name]) == pytest.approx(2 + 4, abs=0.01)
