"""All kinds side by side: one flat list, deterministic, sound at silence and under autocast."""

import pytest
import torch
from torch import Tensor

from tests.support import voiced
from tests.training.discriminators.golden import CONFIG
from training.discriminators.config import DiscriminatorsConfig, PeriodConfig, StftConfig
from training.discriminators.discriminators import Discriminators

SPEECH = torch.from_numpy(voiced(2)[8000:12000])[None]


@pytest.fixture
def discriminators() -> Discriminators:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Discriminators(CONFIG)


def gradients(discriminators: Discriminators, audio: Tensor) -> list[Tensor]:
    """Of the audio and of every parameter, for a loss on logits and features."""
    audio = audio.clone().requires_grad_()
    judgements = discriminators(audio)
    heard = [x for judgement in judgements for x in (judgement.logits, *judgement.features)]
    torch.stack([x.abs().mean(dtype=torch.float32) for x in heard]).sum().backward()
    found = [tensor.grad for tensor in (audio, *discriminators.parameters())]
    assert all(gradient is not None for gradient in found)
    return [gradient for gradient in found if gradient is not None]


def test_kinds_follow_each_other_in_one_list(discriminators: Discriminators) -> None:
    assert len(discriminators(SPEECH)) == 3 + 5 + 3 + 3 + 1
    kinds = (PeriodConfig(periods=(3, 2), channels=2), StftConfig(n_ffts=(64,), filters=2))
    logits = [j.logits for j in Discriminators(DiscriminatorsConfig(kinds=kinds))(SPEECH)]
    assert [x.dim() for x in logits] == [2, 2, 4]


def test_gradients_are_finite_at_silence(discriminators: Discriminators) -> None:
    assert all(torch.isfinite(g).all() for g in gradients(discriminators, torch.zeros(1, 4000)))


def test_every_parameter_is_heard_and_the_same_twice(discriminators: Discriminators) -> None:
    first = gradients(discriminators, SPEECH)
    assert all(g.any() for g in first)
    discriminators.zero_grad()
    assert all(torch.equal(a, b) for a, b in zip(first, gradients(discriminators, SPEECH), strict=True))


def test_half_precision_is_near_single_precision(discriminators: Discriminators) -> None:
    exact = discriminators(SPEECH)
    with torch.autocast("cpu", torch.bfloat16):
        near = discriminators(SPEECH.bfloat16())
    for a, b in zip(exact, near, strict=True):
        torch.testing.assert_close(b.logits.float(), a.logits, rtol=0.1, atol=0.05)
    with torch.autocast("cpu", torch.bfloat16):
        assert all(torch.isfinite(g).all() for g in gradients(discriminators, SPEECH))


def test_items_are_judged_alone(discriminators: Discriminators) -> None:
    other = torch.cat((SPEECH, torch.zeros_like(SPEECH)))
    for alone, beside in zip(discriminators(SPEECH), discriminators(other), strict=True):
        torch.testing.assert_close(beside.logits[:1], alone.logits, rtol=1e-4, atol=1e-5)
