"""One step of training: what it changes, when each phase begins, and what stops it."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from codec.model import Codec
from tests.training.tiny import TINY, tiny_recipe, write_audio
from training.data import AudioFolder
from training.trainer import Trainer, TrainingError

pytestmark = pytest.mark.usefixtures("single_thread")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_audio(tmp_path / "audio")
    return tmp_path


def make(folder: Path, **changes: object) -> Trainer:
    recipe = tiny_recipe(folder, **changes)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Trainer(recipe, Codec(TINY), AudioFolder(folder / "audio", TINY.sample_rate))


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
    books = []
    for _ in range(6):
        books.append(trainer.codec.quantizer.codebooks.clone())
        trainer.advance()
    assert not books[3].any()
    assert books[4].any()
    assert not torch.equal(books[4], books[5])


def test_a_start_that_was_moved_back_still_happens(folder: Path) -> None:
    """Resumed with a lower start_step than the step it is at: codebooks of zeros would turn into NaN."""
    trainer = make(folder)
    trainer.step = 9
    log = trainer.advance()
    assert trainer.codebooks.started
    assert torch.isfinite(trainer.codec.quantizer.codebooks).all()
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
        trainer.codec.decoder.leave.bias[0] = float("nan")
    before = {**copies(trainer, "encoder"), **copies(trainer, "quantizer")}
    with pytest.raises(TrainingError, match=f"loss is nan at step {phase}; .* lower optimiser.learning_rate"):
        trainer.advance()
    assert not changed(trainer, before)
    assert trainer.step == phase


def test_a_gradient_that_is_not_finite_stops_it_too(folder: Path) -> None:
    """A finite loss can have an infinite gradient; the weights would be lost, and the next checkpoint."""
    trainer = make(folder)
    trainer.advance()
    trainer.codec.encoder.enter.weight.register_hook(lambda gradient: gradient * float("inf"))
    before = copies(trainer, "")
    with pytest.raises(TrainingError, match=r"norm of the generator's gradient is (nan|inf) at step 1"):
        trainer.advance()
    assert not changed(trainer, before)


def test_bfloat16_trains_as_well(folder: Path) -> None:
    trainer = make(folder, bfloat16=True)
    terms = [trainer.advance().terms for _ in range(7)][-1]
    assert torch.isfinite(torch.tensor(list(terms.values()))).all()
    assert all(p.dtype == torch.float32 for p in trainer.codec.parameters())
