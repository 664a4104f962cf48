"""What discriminators say about a pass."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.support import voiced
from tests.training.tiny import TINY_DISCRIMINATOR, TINY_LOSSES, tiny_recipe
from training.discriminators.discriminators import Discriminators
from training.jury import Jury
from training.passes import Pass
from training.ranks import ALONE, Ranks
from training.recipe import Recipe


@pytest.fixture
def forward() -> Pass:
    target = torch.stack([torch.from_numpy(voiced(0.1, seed=seed)) for seed in range(4)])
    output = (0.5 * target + 0.01).requires_grad_()
    return Pass(target, output, torch.zeros(4, 5, 8), None)


def jury(recipe: Recipe, ranks: Ranks = ALONE, channels: int = 1) -> tuple[Jury, Discriminators]:
    assert recipe.discriminator
    with torch.random.fork_rng():
        torch.manual_seed(0)
        judge = Discriminators(recipe.discriminator)
    return Jury(judge, recipe, ranks, channels), judge


def grown(judge: Discriminators) -> list[Tensor]:
    return [p.grad for p in judge.parameters() if p.grad is not None]


def reached(tensor: Tensor) -> bool:
    return tensor.grad is not None


def test_each_side_learns_by_its_own_loss_alone(forward: Pass, tmp_path: Path) -> None:
    made, judge = jury(tiny_recipe(tmp_path))
    made.loss(forward).backward()
    assert not reached(forward.output)
    assert len(grown(judge)) == len(list(judge.parameters()))
    judge.zero_grad()
    torch.stack(list(made.terms(forward).values())).sum().backward()
    assert reached(forward.output)
    assert grown(judge) == []
    # The next phase of the discriminators finds them as they were.
    made.loss(forward).backward()
    assert len(grown(judge)) == len(list(judge.parameters()))


def test_sparing_their_gradients_changes_nothing_for_the_codec(forward: Pass, tmp_path: Path) -> None:
    made, judge = jury(tiny_recipe(tmp_path))
    (spared,) = torch.autograd.grad(made.terms(forward)["adversarial"], forward.output)
    fake = judge(forward.output[:1])
    loss = torch.stack([torch.relu(1 - said.logits).mean() for said in fake]).mean()
    (whole,) = torch.autograd.grad(loss, forward.output)
    assert torch.equal(spared, whole)


@pytest.mark.parametrize(
    ("items", "ranks", "channels", "heard"),
    [(None, 1, 1, 4), (1, 1, 1, 1), (2, 1, 2, 4), (2, 2, 1, 1), (2, 2, 2, 2)],
)
def test_they_hear_the_items_of_the_recipe(
    items: int | None, ranks: int, channels: int, heard: int, forward: Pass, tmp_path: Path
) -> None:
    recipe = tiny_recipe(tmp_path, discriminator=TINY_DISCRIMINATOR | {"items": items})
    made, _ = jury(recipe, Ranks(0, ranks), channels)
    made_of_one, _ = jury(tiny_recipe(tmp_path, discriminator=TINY_DISCRIMINATOR | {"items": None}))
    part = Pass(forward.target[:heard], forward.output[:heard], forward.latent, None)
    assert torch.equal(made.loss(forward), made_of_one.loss(part))


def test_terms_without_a_weight_are_not_computed(forward: Pass, tmp_path: Path) -> None:
    for left_out, kept in (("adversarial", "features"), ("features", "adversarial")):
        recipe = tiny_recipe(tmp_path, losses=TINY_LOSSES | {left_out: 0})
        assert set(jury(recipe)[0].terms(forward)) == {kept}


def test_half_width_is_for_the_discriminators_and_not_for_their_losses(forward: Pass, tmp_path: Path) -> None:
    exact, half = (jury(tiny_recipe(tmp_path, bfloat16=on))[0] for on in (False, True))
    for found, expected in zip(half.terms(forward).values(), exact.terms(forward).values(), strict=True):
        assert found.dtype == torch.float32
        assert not torch.equal(found, expected)
        torch.testing.assert_close(found, expected, rtol=0.05, atol=0.01)
