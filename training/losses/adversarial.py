"""Losses of and from discriminators, in single precision whatever the logits are."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional


def discriminator_loss(real: Sequence[Tensor], fake: Sequence[Tensor]) -> Tensor:
    """Hinge loss of the discriminators, mean over them (as in the paper): real above 1, coded below -1."""
    terms = [
        functional.relu(1 - r.float()).mean() + functional.relu(1 + f.float()).mean()
        for r, f in zip(real, fake, strict=True)
    ]
    return torch.stack(terms).mean()


def adversarial_loss(fake: Sequence[Tensor]) -> Tensor:
    """Hinge loss of the generator, mean over the discriminators."""
    return torch.stack([functional.relu(1 - f.float()).mean() for f in fake]).mean()


def feature_loss(
    real: Sequence[Sequence[Tensor]],
    fake: Sequence[Sequence[Tensor]],
    *,
    relative: bool,
    of_all: Callable[[Tensor], Tensor] = lambda sizes: sizes,
) -> Tensor:
    """L1 between the discriminators' feature maps of real and coded audio, mean over all maps of all.

    Maps may be complex. `relative`: each distance is divided by the mean size of the real map (Encodec), of
    which `of_all` makes means over several ranks; the paper's toolkit does not divide.
    """
    pairs = [
        (r.detach(), f)
        for reals, fakes in zip(real, fake, strict=True)
        for r, f in zip(reals, fakes, strict=True)
    ]
    distances = torch.stack([(f - r).abs().mean(dtype=torch.float32) for r, f in pairs])
    if relative:
        sizes = of_all(torch.stack([r.abs().mean(dtype=torch.float32) for r, _ in pairs]))
        distances = distances / sizes.clamp_min(1e-3)
    return distances.mean()
