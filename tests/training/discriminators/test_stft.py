"""Encodec's at several resolutions: published size, the reference's outputs."""

import pytest
import torch

from tests.support import voiced
from tests.training.discriminators.golden import assert_as_the_reference, parameters
from training.discriminators.config import StftConfig
from training.discriminators.stft import StftDiscriminator
from training.losses.adversarial import discriminator_loss

SPEECH = torch.from_numpy(voiced(2)[8000:16000])[None]


def test_the_published_size() -> None:
    assert parameters(StftConfig()) == [94_466] * 3


def test_outputs_are_those_of_the_reference() -> None:
    assert_as_the_reference(range(3))


@pytest.mark.parametrize("pool_logits", [False, True])
def test_every_scale_gives_logits_and_features(pool_logits: bool) -> None:
    config = StftConfig(n_ffts=(512,), filters=4, pool_logits=pool_logits)
    judgement = StftDiscriminator(config, 512)(SPEECH.expand(2, -1))
    frames = (SPEECH.shape[1] - 512) // 128 + 1
    widths = [257, 129, 65, 33, 33]
    assert [f.shape for f in judgement.features] == [(2, 4, frames, width) for width in widths]
    logits = ((frames - 2) // 2 + 1, (33 - 2) // 2 + 1) if pool_logits else (frames, 33)
    assert judgement.logits.shape == (2, 1, *logits)


def test_it_learns_to_tell_speech_from_noise() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        judge = StftDiscriminator(StftConfig(filters=8, pool_logits=False), 256)
    speech = SPEECH[:, :4000]
    noise = torch.randn(speech.shape, generator=torch.Generator().manual_seed(0)) * speech.std()
    optimiser = torch.optim.Adam(judge.parameters(), 1e-2)
    costs = []
    for _ in range(36):
        cost = discriminator_loss([judge(speech).logits], [judge(noise).logits])
        costs.append(float(cost.detach()))
        optimiser.zero_grad()
        cost.backward()
        optimiser.step()
    assert costs[-1] < 0.4 * costs[0]
