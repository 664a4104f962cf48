"""What every kind of discriminator says has one form."""

import torch

from tests.training.discriminators.golden import CONFIG
from training.discriminators.discriminators import Discriminators
from training.discriminators.judgement import Judgement


def test_logits_are_real_and_features_keep_the_items_apart() -> None:
    for judgement in Discriminators(CONFIG)(torch.randn(3, 3000)):
        assert isinstance(judgement, Judgement)
        assert judgement.logits.is_floating_point()
        assert len(judgement.logits) == 3
        assert len(judgement.features) >= 4
        assert all(len(feature) == 3 and feature.dim() >= 3 for feature in judgement.features)
