"""Gradient balancer (Encodec, section 3.4): a weight is a share of the gradient, not of the loss."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

_TOTAL_NORM = 1.0
_SMALLEST_NORM = 1e-12


class Balancer:
    """Scales the gradients of several losses by the output with running means of their norms.

    Losses change in size by orders of magnitude during a run; with the balancer the weights keep meaning
    the same. The gradients' norms then add up to 1 on average, and each has its weight's share of that.
    """

    def __init__(self, decay: float = 0.999) -> None:
        self.decay = decay
        # By name: sum of norms with exponential decay, and the same sum of ones, which removes the bias of
        # the start.
        self._norms: dict[str, tuple[float, float]] = {}

    def gradient(
        self,
        terms: Mapping[str, Tensor],
        weights: Mapping[str, float],
        output: Tensor,
        of_all: Callable[[Tensor], Tensor] = lambda norms: norms,
    ) -> Tensor:
        """The balanced gradient by `output` `[item, sample]` of `terms`, each a scalar that depends on it.

        Call it once per step: it counts the norms, which are means over the items; `of_all` makes them means
        over those of several ranks.
        """
        gradients = {
            name: torch.autograd.grad(term, output, retain_graph=True)[0].float()
            for name, term in terms.items()
        }
        norms = torch.stack([gradient.norm(dim=1).mean() for gradient in gradients.values()])
        total_weight = sum(weights[name] for name in terms)
        balanced = torch.zeros_like(output, dtype=torch.float32)
        for (name, gradient), norm in zip(gradients.items(), of_all(norms).tolist(), strict=True):
            share = weights[name] / total_weight
            balanced += gradient * (share * _TOTAL_NORM / (self._running(name, norm) + _SMALLEST_NORM))
        return balanced.to(output.dtype)

    def _running(self, name: str, norm: float) -> float:
        total, count = self._norms.get(name, (0.0, 0.0))
        total, count = self.decay * total + norm, self.decay * count + 1
        self._norms[name] = (total, count)
        return total / count

    def state_dict(self) -> dict[str, tuple[float, float]]:
        """Everything needed to go on."""
        return dict(self._norms)

    def load_state_dict(self, state: Mapping[str, tuple[float, float]]) -> None:
        """Take over what `state_dict` gave."""
        self._norms = dict(state)
