"""Hinge and feature losses, by hand and against the reference's own."""

import pytest
import torch

from tests.training.discriminators.golden import golden
from training.losses.adversarial import adversarial_loss, discriminator_loss, feature_loss


def test_the_hinge_of_the_discriminator_ends_beyond_the_margin() -> None:
    far, near = torch.full((2, 3), 1.5), torch.full((2, 3), 0.25)
    assert float(discriminator_loss([far], [-far])) == 0
    assert float(discriminator_loss([near], [-near])) == pytest.approx(1.5)
    assert float(discriminator_loss([far, near], [-far, -near])) == pytest.approx(0.75)
    assert float(discriminator_loss([-far], [far])) == pytest.approx(5)


def test_the_generator_wants_to_be_taken_for_real() -> None:
    logits = torch.tensor([[-1.0, 0.0, 1.0, 5.0]], requires_grad=True)
    cost = adversarial_loss([logits])
    assert float(cost.detach()) == pytest.approx(0.75)
    cost.backward()
    assert logits.grad is not None
    assert logits.grad.flatten().tolist() == [-0.25, -0.25, 0, 0]


@pytest.mark.parametrize(("relative", "wanted"), [(True, 0.5), (False, 3.0)])
def test_feature_matching_pulls_on_the_coded_side_only(relative: bool, wanted: float) -> None:
    real = [[torch.full((1, 4), 2.0, requires_grad=True)], [torch.full((1, 2), 10.0)]]
    fake = [[torch.full((1, 4), 3.0, requires_grad=True)], [torch.full((1, 2), 15.0)]]
    cost = feature_loss(real, fake, relative=relative)
    assert float(cost.detach()) == pytest.approx(wanted)
    cost.backward()
    assert real[0][0].grad is None
    assert fake[0][0].grad is not None
    assert float(feature_loss(real, real, relative=relative).detach()) == 0
    assert torch.isfinite(feature_loss([[torch.zeros(1, 4)]], fake[:1], relative=relative))


def test_feature_maps_weigh_alike_wherever_they_are() -> None:
    real = [[torch.zeros(1, 3)] * 3, [torch.zeros(1, 100)]]
    fake = [[torch.zeros(1, 3)] * 3, [torch.full((1, 100), 8.0)]]
    assert float(feature_loss(real, fake, relative=False)) == 2


def test_half_precision_is_summed_in_single() -> None:
    logits = torch.full((1, 5000), 0.25, dtype=torch.bfloat16)
    for cost in (
        adversarial_loss([logits]),
        discriminator_loss([logits], [-logits]) / 2,
        3 * feature_loss([[logits]], [[2 * logits]], relative=False),
    ):
        assert cost.dtype == torch.float32
        assert float(cost) == pytest.approx(0.75)


def test_different_numbers_of_discriminators_are_a_mistake() -> None:
    one = [torch.zeros(1)]
    with pytest.raises(ValueError, match="argument 2 is longer"):
        discriminator_loss(one, one * 2)


@pytest.mark.parametrize(("name", "judged"), [("all", slice(None)), ("mstft", slice(3))])
def test_losses_are_those_of_the_reference(name: str, judged: slice) -> None:
    discriminators, vectors = golden()
    with torch.no_grad():
        real, fake = (discriminators(vectors[side])[judged] for side in ("real", "fake"))
    logits = [[judgement.logits for judgement in side] for side in (real, fake)]
    features = [[judgement.features for judgement in side] for side in (real, fake)]
    found = (
        adversarial_loss(logits[1]),
        feature_loss(*features, relative=False),
        discriminator_loss(*logits),
    )
    wanted = vectors[f"losses_{name}.adv_featmatch_disc"]
    torch.testing.assert_close(torch.stack(found), wanted, rtol=1e-4, atol=0)
