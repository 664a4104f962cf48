"""The balancer: weights are shares of the gradient, whatever the size of the losses."""

import pytest
import torch
from torch import Tensor

from training.balancer import Balancer

WEIGHTS = {"loud": 1.0, "quiet": 3.0}


@pytest.fixture
def output() -> Tensor:
    return torch.randn(3, 200, generator=torch.Generator().manual_seed(0)).requires_grad_()


def losses(output: Tensor) -> dict[str, Tensor]:
    """Two losses on different halves, a million times apart in size."""
    return {"loud": 1e3 * output[:, :100].square().sum(), "quiet": 1e-3 * output[:, 100:].abs().sum()}


def test_each_gradient_has_the_share_of_its_weight(output: Tensor) -> None:
    balancer = Balancer()
    gradient = [balancer.gradient(losses(output), WEIGHTS, output) for _ in range(3)][-1]
    assert gradient.shape == output.shape
    assert float(gradient[:, :100].norm(dim=1).mean()) == pytest.approx(0.25, rel=1e-4)
    assert float(gradient[:, 100:].norm(dim=1).mean()) == pytest.approx(0.75, rel=1e-4)


def test_only_the_lengths_change(output: Tensor) -> None:
    """With the gradients' own norms for weights, it is the plain sum of the losses, scaled."""
    terms = losses(output)
    plain = {name: torch.autograd.grad(term, output, retain_graph=True)[0] for name, term in terms.items()}
    norms = {name: float(gradient.norm(dim=1).mean()) for name, gradient in plain.items()}
    balanced = Balancer().gradient(terms, norms, output)
    total = sum(plain.values(), start=torch.zeros_like(output)).detach()
    torch.testing.assert_close(balanced, total / sum(norms.values()))


def test_norms_are_averaged_over_steps(output: Tensor) -> None:
    """One loud step is damped by the quiet ones before it, less than it would be alone."""
    balancer = Balancer(decay=0.5)
    weight = {"only": 1.0}
    sizes = []
    for gain in (1.0, 1.0, 8.0):
        term = {"only": gain * output.square().sum()}
        sizes.append(float(balancer.gradient(term, weight, output).norm(dim=1).mean()))
    mean = (0.25 * 1 + 0.5 * 1 + 8) / 1.75
    assert sizes == pytest.approx([1, 1, 8 / mean])


def test_a_loss_that_is_satisfied_pulls_no_more(output: Tensor) -> None:
    terms = losses(output) | {"done": torch.relu(output * 0).sum()}
    gradient = Balancer().gradient(terms, WEIGHTS | {"done": 4.0}, output)
    assert torch.isfinite(gradient).all()
    assert float(gradient[:, 100:].norm(dim=1).mean()) == pytest.approx(3 / 8, rel=1e-4)


def test_it_goes_on_where_it_was(output: Tensor) -> None:
    first, second = Balancer(), Balancer()
    first.gradient(losses(output), WEIGHTS, output)
    second.load_state_dict(first.state_dict())
    louder = losses(3 * output)
    assert torch.equal(first.gradient(louder, WEIGHTS, output), second.gradient(louder, WEIGHTS, output))
    assert not torch.equal(
        first.gradient(louder, WEIGHTS, output), Balancer().gradient(louder, WEIGHTS, output)
    )
