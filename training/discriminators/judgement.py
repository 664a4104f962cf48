"""What a discriminator says about some audio."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Judgement:
    """One discriminator's view: `logits` (any shape, high = real) and the feature maps on the way.

    Feature maps of a discriminator on complex spectra are complex.
    """

    logits: Tensor
    features: tuple[Tensor, ...]
