"""Losses: nothing for equal signals, something for any difference, and gradients finite at silence."""

import pytest
import torch
from torch import Tensor

from tests.support import voiced
from training.losses.reconstruction import ReconstructionLoss, longest_window

RATE = 16000
TERMS = ("time", "power_mel", "log_power", "mel", "spectrum", "level")


@pytest.fixture(scope="module")
def loss() -> ReconstructionLoss:
    return ReconstructionLoss(RATE, TERMS)


@pytest.fixture
def speech() -> Tensor:
    return torch.from_numpy(voiced(2)[8000:16000]).expand(2, -1).clone()


def test_equal_signals_cost_nothing(loss: ReconstructionLoss, speech: Tensor) -> None:
    terms = loss(speech, speech.clone())
    assert sorted(terms) == sorted(TERMS)
    assert all(float(term) == 0 for term in terms.values())
    assert all(term.shape == () for term in terms.values())


def test_only_what_is_wanted_is_computed(speech: Tensor) -> None:
    names = {"time", "log_power", "envelopes", "level", "commitment", "adversarial"}
    loss = ReconstructionLoss(RATE, names)
    assert set(loss(speech, 0.5 * speech)) == {"time", "log_power", "envelopes", "level"}
    assert len(loss.spectra) == 1


def test_every_term_grows_with_the_difference(loss: ReconstructionLoss, speech: Tensor) -> None:
    noise = torch.randn(speech.shape, generator=torch.Generator().manual_seed(0))
    costs = [loss(speech, speech + gain * noise) for gain in (0.01, 0.1, 1)]
    for term in TERMS:
        assert 0 < float(costs[0][term]) < float(costs[1][term]) < float(costs[2][term])


def test_time_hears_the_sign_and_level_does_not(loss: ReconstructionLoss, speech: Tensor) -> None:
    terms = loss(speech, -speech)
    assert float(terms["time"]) == pytest.approx(2 * float(speech.abs().mean()), rel=1e-5)
    assert float(terms["level"]) < 1e-6


def test_level_is_in_decibels_and_has_a_sign_for_neither(speech: Tensor) -> None:
    loss = ReconstructionLoss(RATE, {"level"})
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


def test_autocast_changes_nothing(loss: ReconstructionLoss, speech: Tensor) -> None:
    output = (0.9 * speech).bfloat16()
    wanted = loss(speech, output)
    with torch.autocast("cpu", torch.bfloat16):
        found = loss(speech, output)
    assert all(torch.equal(found[name], wanted[name]) for name in TERMS)
    assert all(term.dtype == torch.float32 for term in found.values())


@pytest.mark.parametrize("terms", [("time", "mel", "spectrum", "level"), ("time", "power_mel", "log_power")])
def test_following_the_gradient_brings_the_signal_back(speech: Tensor, terms: tuple[str, ...]) -> None:
    loss = ReconstructionLoss(RATE, terms)
    speech = speech[:1, :4000]
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


def test_the_longest_window_of_the_wanted_terms() -> None:
    assert longest_window(TERMS, RATE) == 2048
    assert longest_window({"power_mel"}, RATE) == 1024
    assert longest_window({"time", "level"}, RATE) == 1
    assert longest_window({"envelopes"}, RATE) == 6150


def test_the_longest_window_is_long_enough(loss: ReconstructionLoss) -> None:
    short = torch.randn(1, longest_window({"power_mel"}, RATE))
    assert torch.isfinite(ReconstructionLoss(RATE, {"power_mel"})(short, 0 * short)["power_mel"])
    short = torch.randn(1, longest_window(TERMS, RATE))
    assert all(torch.isfinite(term) for term in loss(short, 0 * short).values())
