"""SoundStream's on the waveform: published size, the reference's outputs."""

import torch

from tests.training.discriminators.golden import assert_as_the_reference, parameters
from training.discriminators.config import WaveConfig
from training.discriminators.wave import WaveDiscriminator


def test_the_published_size() -> None:
    assert parameters(WaveConfig()) == [5_806_529] * 3


def test_outputs_are_those_of_the_reference() -> None:
    assert_as_the_reference(range(11, 14))


def test_every_factor_hears_at_its_own_rate() -> None:
    audio = torch.randn(1, 8192)
    frames = []
    for factor in WaveConfig().factors:
        judge = WaveDiscriminator(WaveConfig(channels=4, max_channels=8), factor)
        frames.append(judge(audio).features[0].shape[-1])
    assert frames == [2047, 1023, 511]
