"""Losses: nothing for equal signals, something for any difference, and gradients finite at silence."""

import pytest
import torch
from torch import Tensor

from tests.support import voiced
from training.losses import ReconstructionLoss, adversarial_loss, discriminator_loss, feature_loss

RATE = 16000
TERMS = ("time", "mel", "spectrum", "level")


@pytest.fixture(scope="module")
def loss() -> ReconstructionLoss:
    return ReconstructionLoss(RATE)


@pytest.fixture
def speech() -> Tensor:
    return torch.from_numpy(voiced(2)[8000:16000]).expand(2, -1).clone()


def test_equal_signals_cost_nothing(loss: ReconstructionLoss, speech: Tensor) -> None:
    terms = loss(speech, speech.clone())
    assert tuple(terms) == TERMS
    assert all(float(term) == 0 for term in terms.values())
    assert all(term.shape == () for term in terms.values())


@pytest.mark.parametrize("term", TERMS)
def test_every_term_grows_with_the_difference(loss: ReconstructionLoss, speech: Tensor, term: str) -> None:
    noise = torch.randn(speech.shape, generator=torch.Generator().manual_seed(0))
    costs = [float(loss(speech, speech + gain * noise)[term]) for gain in (0.01, 0.1, 1)]
    assert 0 < costs[0] < costs[1] < costs[2]


def test_the_sign_is_heard_by_time_and_spectrum_only(loss: ReconstructionLoss, speech: Tensor) -> None:
    terms = {name: float(term) for name, term in loss(speech, -speech).items()}
    assert terms["time"] == pytest.approx(2 * float(speech.abs().mean()), rel=1e-5)
    assert terms["spectrum"] > 0.1
    assert terms["mel"] < 1e-6
    assert terms["level"] < 1e-6


def test_level_is_in_decibels_and_has_a_sign_for_neither(loss: ReconstructionLoss, speech: Tensor) -> None:
    for gain in (0.5, 2.0):
        assert float(loss(speech, speech * gain)["level"]) == pytest.approx(6.02, abs=0.02)
    whisper = speech * 1e-5
    assert float(loss(whisper, whisper * 2)["level"]) < 0.01


@pytest.mark.parametrize("silent", ["target", "output", "both"])
def test_gradients_are_finite_at_silence(loss: ReconstructionLoss, speech: Tensor, silent: str) -> None:
    target = speech if silent == "output" else torch.zeros_like(speech)
    output = (speech if silent == "target" else torch.zeros_like(speech)).clone().requires_grad_()
    torch.stack(list(loss(target, output).values())).sum().backward()
    assert output.grad is not None
    assert torch.isfinite(output.grad).all()


def test_following_the_gradient_brings_the_signal_back(loss: ReconstructionLoss, speech: Tensor) -> None:
    noise = torch.randn(speech.shape, generator=torch.Generator().manual_seed(0))
    output = (0.5 * speech + 0.01 * noise).requires_grad_()
    optimiser = torch.optim.Adam([output], 3e-3)
    costs = []
    for _ in range(12):
        cost = torch.stack(list(loss(speech, output).values())).sum()
        costs.append(float(cost.detach()))
        optimiser.zero_grad()
        cost.backward()
        optimiser.step()
    assert costs[-1] < 0.7 * costs[0]


def test_the_hinge_of_the_discriminator_ends_beyond_the_margin() -> None:
    far, near = torch.full((2, 3), 1.5), torch.full((2, 3), 0.25)
    assert float(discriminator_loss([far], [-far])) == 0
    assert float(discriminator_loss([near], [-near])) == pytest.approx(1.5)
    assert float(discriminator_loss([far, near], [-far, -near])) == pytest.approx(0.75)
    assert float(discriminator_loss([-far], [far])) == pytest.approx(5)


def test_the_generator_wants_to_be_taken_for_real() -> None:
    logits = torch.tensor([[-1.0, 0.0, 1.0, 5.0]], requires_grad=True)
    cost = adversarial_loss([logits])
    assert float(cost.detach()) == pytest.approx(0.75)
    cost.backward()
    assert logits.grad is not None
    assert logits.grad.flatten().tolist() == [-0.25, -0.25, 0, 0]


def test_feature_matching_is_relative_and_pulls_on_the_coded_side_only() -> None:
    real = [[torch.full((1, 4), 2.0, requires_grad=True)], [torch.full((1, 2), 10.0)]]
    fake = [[torch.full((1, 4), 3.0, requires_grad=True)], [torch.full((1, 2), 15.0)]]
    cost = feature_loss(real, fake)
    assert float(cost.detach()) == pytest.approx(0.5)
    cost.backward()
    assert real[0][0].grad is None
    assert fake[0][0].grad is not None
    assert float(feature_loss(real, real).detach()) == 0
    assert torch.isfinite(feature_loss([[torch.zeros(1, 4)]], fake[:1]))


def test_different_numbers_of_discriminators_are_a_mistake() -> None:
    one = [torch.zeros(1)]
    with pytest.raises(ValueError, match="argument 2 is longer"):
        discriminator_loss(one, one * 2)
