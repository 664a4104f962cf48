"""One step of training: what it changes, when each phase begins, and what stops it."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from codec.quantizer import ResidualQuantizer
from tests.training.tiny import (
    TINY_DISCRIMINATOR,
    TINY_LOSSES,
    make_trainer,
    shrunk,
    tiny_recipe,
    write_audio,
    write_labels,
)
from training.trainer import Trainer, TrainingError

pytestmark = pytest.mark.usefixtures("single_thread")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_audio(tmp_path / "audio")
    return tmp_path


def make(folder: Path, **changes: object) -> Trainer:
    return make_trainer(tiny_recipe(folder, **changes))


def books(trainer: Trainer) -> Tensor:
    assert isinstance(trainer.codec.quantizer, ResidualQuantizer)
    return trainer.codec.quantizer.codebooks


def copies(trainer: Trainer, side: str) -> dict[str, Tensor]:
    state = trainer.codec.state_dict()
    return {name: tensor.clone() for name, tensor in state.items() if name.startswith(side)}


def changed(trainer: Trainer, before: dict[str, Tensor]) -> bool:
    state = trainer.codec.state_dict()
    return any(not torch.equal(tensor, state[name]) for name, tensor in before.items())


def test_the_loss_goes_down(folder: Path) -> None:
    """From random weights, with codebooks and discriminators coming in on the way."""
    trainer = make(folder, linear_start=False, steps=60)
    costs = [trainer.advance().terms for _ in range(60)]
    for name in ("mel", "spectrum"):
        first, last = (sum(c[name] for c in part) / 10 for part in (costs[:10], costs[-10:]))
        assert last < 0.85 * first


def test_phases_begin_at_their_steps(folder: Path) -> None:
    trainer = make(folder)
    terms = [set(trainer.advance().terms) for _ in range(7)]
    always = {"time", "mel", "spectrum", "level", "generator"}
    assert terms[:3] == [always] * 3
    assert terms[3:5] == [always | {"commitment"}] * 2
    assert terms[5:] == [always | {"commitment", "discriminator", "adversarial", "features"}] * 2


def test_codebooks_start_once_and_then_move(folder: Path) -> None:
    trainer = make(folder)
    found = []
    for _ in range(6):
        found.append(books(trainer).clone())
        trainer.advance()
    assert not found[3].any()
    assert found[4].any()
    assert not torch.equal(found[4], found[5])


def test_a_start_that_was_moved_back_still_happens(folder: Path) -> None:
    """Resumed with a lower start_step than the step it is at: codebooks of zeros would turn into NaN."""
    trainer = make(folder)
    trainer.step = 9
    log = trainer.advance()
    assert trainer.codebooks
    assert trainer.codebooks.started
    assert torch.isfinite(books(trainer)).all()
    assert log.terms["commitment"] > 0


def test_every_part_learns(folder: Path) -> None:
    trainer = make(folder)
    assert trainer.judge is not None
    for _ in range(5):
        trainer.advance()
    before = {side: copies(trainer, side) for side in ("encoder", "decoder", "quantizer")}
    judge = [p.detach().clone() for p in trainer.judge.parameters()]
    trainer.advance()
    assert all(changed(trainer, state) for state in before.values())
    assert all(not torch.equal(p, q) for p, q in zip(judge, trainer.judge.parameters(), strict=True))


def test_a_frozen_encoder_stays_at_its_average_and_the_rest_goes_on(folder: Path) -> None:
    trainer = make(folder, freeze_encoder_at=6)
    for _ in range(6):
        trainer.advance()
    average = {name: t.clone() for name, t in trainer.average.items() if name.startswith("encoder")}
    assert changed(trainer, average)
    others = [copies(trainer, side) for side in ("decoder", "quantizer")]
    for _ in range(2):
        trainer.advance()
    assert not changed(trainer, average)
    assert all(changed(trainer, state) for state in others)


def test_the_average_follows_the_weights(folder: Path) -> None:
    trainer = make(folder, average_decay=0.5)
    trainer.start()
    name = "decoder.leave.weight"
    parameter = trainer.codec.get_parameter(name)
    expected = parameter.detach().clone()
    for step in range(4):
        trainer.advance()
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * parameter.detach()
    torch.testing.assert_close(trainer.average[name], expected)
    assert not torch.equal(trainer.average[name], parameter)


def test_the_rate_warms_up_and_falls(folder: Path) -> None:
    trainer = make(folder)
    rates = []
    for _ in range(12):
        trainer.advance()
        rates.append(trainer.optimiser.param_groups[0]["lr"])
    assert rates[:3] == sorted(rates[:3])
    assert rates[4:] == sorted(rates[4:], reverse=True)
    assert max(rates) < 2e-3
    assert 0.02 * 2e-3 < rates[-1] < 0.1 * 2e-3


def test_what_is_random_depends_on_seed_and_step_only(folder: Path) -> None:
    first, second, other = make(folder), make(folder), make(folder, seed=1)
    torch.rand(7)
    costs = []
    for trainer in (first, second, other):
        costs.append([trainer.advance().terms["generator"] for _ in range(5)])
        torch.rand(3)
    assert costs[0] == costs[1]
    assert costs[0] != costs[2]


@pytest.mark.parametrize("phase", [2, 7])
def test_a_loss_that_is_not_finite_stops_before_it_reaches_a_weight(folder: Path, phase: int) -> None:
    trainer = make(folder)
    for _ in range(phase):
        trainer.advance()
    with torch.no_grad():
        trainer.codec.get_parameter("decoder.leave.bias")[0] = float("nan")
    before = {**copies(trainer, "encoder"), **copies(trainer, "quantizer")}
    with pytest.raises(TrainingError, match=f"loss is nan at step {phase}; .* lower optimiser.learning_rate"):
        trainer.advance()
    assert not changed(trainer, before)
    assert trainer.step == phase


def test_a_gradient_that_is_not_finite_stops_it_too(folder: Path) -> None:
    """A finite loss can have an infinite gradient; the weights would be lost, and the next checkpoint."""
    trainer = make(folder)
    trainer.advance()
    trainer.codec.get_parameter("encoder.enter.weight").register_hook(
        lambda gradient: gradient * float("inf")
    )
    before = copies(trainer, "")
    with pytest.raises(TrainingError, match=r"norm of the generator's gradient is (nan|inf) at step 1"):
        trainer.advance()
    assert not changed(trainer, before)


def test_bfloat16_trains_as_well(folder: Path) -> None:
    trainer = make(folder, bfloat16=True)
    terms = [trainer.advance().terms for _ in range(7)][-1]
    assert torch.isfinite(torch.tensor(list(terms.values()))).all()
    assert all(p.dtype == torch.float32 for p in trainer.codec.parameters())


def test_terms_are_told_before_and_after_weighting(folder: Path) -> None:
    trainer = make(folder)
    log = [trainer.advance() for _ in range(7)][-1]
    assert set(log.weighted) == set(log.terms) - {"generator", "discriminator"}
    for name, value in log.weighted.items():
        assert value == pytest.approx(log.terms[name] * getattr(trainer.recipe.losses, name), rel=1e-5)
    assert log.terms["generator"] == pytest.approx(sum(log.weighted.values()), rel=1e-5)
    assert trainer.generator_loss == pytest.approx(
        log.terms["generator"] - log.weighted["commitment"], rel=1e-5
    )


@pytest.mark.parametrize(("generator_loss", "steps"), [(0.0, True), (1e9, False)])
def test_gated_discriminators_rest_while_they_are_ahead(
    folder: Path, generator_loss: float, steps: bool
) -> None:
    trainer = make(folder, discriminator=TINY_DISCRIMINATOR | {"gated": True, "start_step": 0})
    assert trainer.judge is not None
    trainer.advance()
    trainer.generator_loss = generator_loss
    before = [p.detach().clone() for p in trainer.judge.parameters()]
    log = trainer.advance()
    moved = any(not torch.equal(p, q) for p, q in zip(before, trainer.judge.parameters(), strict=True))
    assert moved == steps
    assert log.terms["discriminator_steps"] == float(steps)
    assert log.terms["discriminator"] > 0
    assert trainer.generator_loss != generator_loss


def test_a_balanced_step_keeps_the_terms_and_moves_otherwise(folder: Path) -> None:
    plain, balanced = make(folder), make(folder, losses=TINY_LOSSES | {"balancer": True})
    first = [trainer.advance().terms for trainer in (plain, balanced)]
    assert first[0] == first[1]
    assert plain.balancer.state_dict() == {}
    assert set(balanced.balancer.state_dict()) == {"time", "mel", "spectrum", "level"}
    assert changed(balanced, copies(plain, "decoder"))
    log = [balanced.advance() for _ in range(6)][-1]
    assert set(balanced.balancer.state_dict()) == set(log.weighted) - {"commitment"}


def test_the_losses_of_the_paper_train_too(folder: Path) -> None:
    trainer = make(folder, losses={}, discriminator=TINY_DISCRIMINATOR | {"gated": True})
    log = [trainer.advance() for _ in range(7)][-1]
    assert set(log.weighted) == {*("time", "power_mel", "log_power", "commitment", "adversarial", "features")}


def test_the_entries_of_a_factorised_quantizer_learn_by_their_own_loss(folder: Path) -> None:
    with_loss = make_trainer(shrunk("dac_16k", folder, discriminator=None))
    assert with_loss.codebooks is None
    log = with_loss.advance()
    assert log.weighted["codebook"] == pytest.approx(log.terms["codebook"])
    losses = with_loss.recipe.losses.model_dump() | {"codebook": 0}
    without = make_trainer(shrunk("dac_16k", folder, discriminator=None, losses=losses))
    entries = without.codec.get_parameter("quantizer.stages.0.entries")
    before = entries.detach().clone()
    assert "codebook" not in without.advance().terms
    # Only weight decay has moved them.
    decay = without.recipe.optimiser.learning_rate * without.recipe.optimiser.weight_decay
    torch.testing.assert_close(entries, before * (1 - decay))
    assert not torch.equal(with_loss.codec.get_parameter("quantizer.stages.0.entries"), entries)


@pytest.mark.parametrize("name", ["funcodec_16k", "semantic_residual"])
def test_a_frozen_seanet_encoder_stays_and_the_rest_goes_on(name: str, folder: Path) -> None:
    write_labels(folder / "labels", folder / "audio")
    trainer = make_trainer(shrunk(name, folder, freeze_encoder_at=1, discriminator=None))
    trainer.advance()
    average = {name: t.clone() for name, t in trainer.average.items() if name.startswith("encoder")}
    others = [copies(trainer, side) for side in ("decoder", "quantizer")]
    trainer.advance()
    assert not changed(trainer, average)
    assert all(changed(trainer, state) for state in others)


def test_without_a_limit_the_gradient_is_not_clipped(folder: Path) -> None:
    changes = {"learning_rate": 2e-3, "warmup_steps": 4}
    weights = []
    for limit in (1e-6, 1e9, None):
        trainer = make(folder, optimiser={**changes, "clip_norm": limit})
        trainer.advance()
        moments = trainer.optimiser.state_dict()["state"][0]["exp_avg"]
        weights.append(moments)
    assert torch.equal(weights[1], weights[2])
    assert float(weights[0].norm()) < 1e-6


def test_batches_may_be_prepared_ahead(folder: Path) -> None:
    """With workers, a run hears the same."""
    plain = make(folder)
    data = plain.recipe.data.model_dump() | {"workers": 2}
    ahead = make(folder, data=data)
    for _ in range(4):
        assert plain.advance().terms == ahead.advance().terms
    ahead.close()
