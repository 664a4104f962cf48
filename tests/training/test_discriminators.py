"""The discriminators: shapes, what they can tell apart, and silence."""

import pytest
import torch

from tests.support import voiced
from training.discriminators import MultiScaleDiscriminator, StftDiscriminator
from training.losses import discriminator_loss

SPEECH = torch.from_numpy(voiced(2)[8000:16000])[None]


@pytest.fixture
def judge() -> MultiScaleDiscriminator:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return MultiScaleDiscriminator((512, 256, 128), filters=4)


def test_every_scale_gives_logits_and_features(judge: MultiScaleDiscriminator) -> None:
    judgements = judge(SPEECH.expand(2, -1))
    assert len(judgements) == 3
    for n_fft, judgement in zip((512, 256, 128), judgements, strict=True):
        frames = (SPEECH.shape[1] - n_fft) // (n_fft // 4) + 1
        bins = n_fft // 2 + 1
        widths = [bins, *(-(-bins // 2**i) for i in (1, 2, 3)), -(-bins // 8)]
        assert [f.shape for f in judgement.features] == [(2, 4, frames, width) for width in widths]
        assert judgement.logits.shape == (2, 1, frames, widths[-1])


def test_more_filters_are_more_parameters() -> None:
    """Weight norm adds one magnitude per output channel of every layer but the first."""
    for filters in (4, 8):
        first = filters * (2 * 27 + 1)
        dilated = 3 * (filters * filters * 27 + 2 * filters)
        last = filters * filters * 9 + 2 * filters + (filters * 9 + 2)
        assert sum(p.numel() for p in StftDiscriminator(256, filters).parameters()) == first + dilated + last


def test_gradients_are_finite_at_silence(judge: MultiScaleDiscriminator) -> None:
    silence = torch.zeros(1, 4000, requires_grad=True)
    torch.stack([j.logits.mean() for j in judge(silence)]).sum().backward()
    for tensor in (silence, *judge.parameters()):
        assert tensor.grad is not None
        assert torch.isfinite(tensor.grad).all()


def test_it_learns_to_tell_speech_from_noise() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        judge = StftDiscriminator(256, 8)
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


def test_items_are_judged_alone(judge: MultiScaleDiscriminator) -> None:
    other = torch.cat((SPEECH, torch.zeros_like(SPEECH)))
    for alone, beside in zip(judge(SPEECH), judge(other), strict=True):
        torch.testing.assert_close(beside.logits[:1], alone.logits)
