"""HiFi-GAN's on the waveform: published size, the reference's outputs."""

import torch

from tests.training.discriminators.golden import assert_as_the_reference, parameters
from training.discriminators.config import ScaleConfig
from training.discriminators.scale import ScaleDiscriminator


def test_the_published_size() -> None:
    assert parameters(ScaleConfig()) == [9_870_209] * 3


def test_outputs_are_those_of_the_reference() -> None:
    assert_as_the_reference(range(8, 11))


def test_a_halved_rate_hears_the_average_of_neighbours() -> None:
    """Whatever alternates from sample to sample is heard at the full rate only."""
    config = ScaleConfig(channels=16, max_channels=16)
    audio = torch.zeros(1, 2000)
    audio[:, 100:1900:2], audio[:, 101:1900:2] = 0.5, -0.5
    for halvings, heard in ((0, True), (1, False)):
        judge = ScaleDiscriminator(config, halvings)
        middle, silent = (judge(x).features[0][..., 300:400] for x in (audio, torch.zeros_like(audio)))
        assert (not torch.allclose(middle, silent, atol=1e-6)) == heard
