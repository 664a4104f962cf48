"""The envelope loss: it orders outputs as STOI and ESTOI do, and leaves level and silence alone."""

import numpy as np
import pystoi
import pytest
import torch
from torch import Tensor

from tests.support import voiced
from training.losses.envelopes import EnvelopeLoss, shortest_samples

RATE = 16000


@pytest.fixture(scope="module")
def loss() -> EnvelopeLoss:
    return EnvelopeLoss(RATE)


@pytest.fixture(scope="module")
def speech() -> Tensor:
    return torch.from_numpy(voiced(3)).unsqueeze(0)


def noise(like: Tensor, seed: int = 0) -> Tensor:
    return torch.randn(like.shape, generator=torch.Generator().manual_seed(seed))


def test_equal_signals_cost_nothing(loss: EnvelopeLoss, speech: Tensor) -> None:
    assert float(loss(speech, speech.clone())) < 0.01


def test_the_worse_understood_the_dearer(loss: EnvelopeLoss, speech: Tensor) -> None:
    outputs = [speech + gain * noise(speech) for gain in (0.003, 0.03, 0.3)]
    costs = [float(loss(speech, output)) for output in outputs]
    assert costs == sorted(costs)
    heard = [np.asarray(output[0], np.float64) for output in outputs]
    spoken = np.asarray(speech[0], np.float64)
    for cost, output in zip(costs, heard, strict=True):
        scores = [pystoi.stoi(spoken, output, RATE, extended) for extended in (False, True)]
        # Ours has half of either, at another rate and without STOI's clipping: near, not equal.
        assert 1 - cost == pytest.approx(np.mean(scores), abs=0.15)


def test_the_level_is_left_to_other_terms(loss: EnvelopeLoss, speech: Tensor) -> None:
    output = speech + 0.03 * noise(speech)
    assert float(loss(speech, 0.5 * output)) == pytest.approx(float(loss(speech, output)), abs=0.01)


def test_silence_weighs_nothing(loss: EnvelopeLoss, speech: Tensor) -> None:
    pause = torch.zeros(1, RATE)
    target, output = torch.cat((speech, pause), 1), torch.cat((speech, 1e-3 * noise(pause)), 1)
    with_pause, without = float(loss(target, output)), float(loss(speech, speech))
    assert with_pause < without + 0.03
    assert float(loss(pause, 1e-3 * noise(pause))) <= 1


@pytest.mark.parametrize("silent", ["target", "output", "both"])
def test_gradients_are_finite_at_silence(loss: EnvelopeLoss, speech: Tensor, silent: str) -> None:
    target = speech if silent == "output" else torch.zeros_like(speech)
    output = (speech if silent == "target" else torch.zeros_like(speech)).clone().requires_grad_()
    loss(target, output).backward()
    assert output.grad is not None
    assert torch.isfinite(output.grad).all()


def test_an_item_weighs_as_much_as_it_has_speech(loss: EnvelopeLoss, speech: Tensor) -> None:
    bad = speech + 0.3 * noise(speech)
    both = float(loss(speech.expand(2, -1), torch.cat((speech, bad))))
    alone = [float(loss(speech, output)) for output in (speech, bad)]
    assert both == pytest.approx(sum(alone) / 2, abs=1e-4)


def test_the_shortest_item_has_a_window(loss: EnvelopeLoss) -> None:
    for rate in (8000, 16000, 24000):
        item = torch.from_numpy(voiced(1, sample_rate_hz=rate))[: shortest_samples(rate)].unsqueeze(0)
        assert torch.isfinite(EnvelopeLoss(rate)(item, 0.5 * item))
