"""What the discriminators of a run say about a pass: their own loss, and the codec's terms."""

import torch
from torch import Tensor

from training.discriminators.discriminators import Discriminators
from training.discriminators.judgement import Judgement
from training.losses.adversarial import adversarial_loss, discriminator_loss, feature_loss
from training.passes import Pass
from training.ranks import Ranks
from training.recipe import Recipe


class Jury:
    """The discriminators of a recipe; they hear this rank's part of its items, of `channels` rows each."""

    def __init__(self, judge: Discriminators, recipe: Recipe, ranks: Ranks, channels: int) -> None:
        assert recipe.discriminator
        self._judge = judge
        self._recipe = recipe
        self._ranks = ranks
        items = recipe.discriminator.items
        self._rows = slice(None if items is None else items // ranks.count * channels)

    def loss(self, forward: Pass) -> Tensor:
        """What the discriminators learn by; it has no gradient by the codec."""
        with self._autocast():
            real = self._judge(forward.target[self._rows])
            fake = self._judge(forward.output[self._rows].detach())
            return discriminator_loss(_logits(real), _logits(fake))

    def terms(self, forward: Pass) -> dict[str, Tensor]:
        """What the codec learns by; not the discriminators, whose gradients would cost as much again."""
        weights = self._recipe.losses.weights
        terms = {}
        self._judge.requires_grad_(False)
        with self._autocast():
            fake = self._judge(forward.output[self._rows])
            if "adversarial" in weights:
                terms["adversarial"] = adversarial_loss(_logits(fake))
            if "features" in weights:
                with torch.no_grad():
                    real = self._judge(forward.target[self._rows])
                relative = self._recipe.losses.relative_features
                terms["features"] = feature_loss(
                    _features(real), _features(fake), relative=relative, of_all=self._ranks.mean
                )
        self._judge.requires_grad_(True)
        return terms

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self._ranks.device.type, torch.bfloat16, enabled=self._recipe.bfloat16)


def _logits(judgements: list[Judgement]) -> list[Tensor]:
    return [judgement.logits for judgement in judgements]


def _features(judgements: list[Judgement]) -> list[tuple[Tensor, ...]]:
    return [judgement.features for judgement in judgements]
