"""HiFi-GAN's that fold the waveform: published size, the reference's outputs."""

import torch

from tests.training.discriminators.golden import assert_as_the_reference, parameters
from training.discriminators.config import PeriodConfig
from training.discriminators.period import PeriodDiscriminator


def test_the_published_size() -> None:
    assert parameters(PeriodConfig()) == [8_220_130] * 5


def test_outputs_are_those_of_the_reference() -> None:
    assert_as_the_reference(range(3, 8))


def test_the_end_is_mirrored_to_a_whole_period() -> None:
    """What is added is heard, and equals the last samples backwards."""
    judge = PeriodDiscriminator(PeriodConfig(channels=2, max_channels=4), 5)
    audio = torch.randn(1, 997, generator=torch.Generator().manual_seed(0))
    mirrored = torch.cat((audio, audio[:, -4:-1].flip(1)), 1)
    assert torch.equal(judge(audio).logits, judge(mirrored).logits)
    assert not torch.equal(judge(audio).logits, judge(audio[:, :995]).logits)
