"""The validation distance: of the averaged weights, always on the same crops, and without a trace."""

from pathlib import Path

import pytest
import torch

from tests.training.tiny import make_trainer, shrunk, tiny_recipe, write_audio
from training.data import TrainingAudio
from training.data_config import DataConfig
from training.losses.reconstruction import ReconstructionLoss
from training.passes import run_pass
from training.trainer import Trainer
from training.validation import Validator

pytestmark = pytest.mark.usefixtures("single_thread")


@pytest.fixture
def trainer(tmp_path: Path) -> Trainer:
    write_audio(tmp_path / "audio")
    codebooks = {"start_step": 0, "start_vectors": 40, "kmeans_iterations": 2, "n_q_choices": [1, 2, 4, 4]}
    trainer = make_trainer(tiny_recipe(tmp_path, codebooks=codebooks, discriminator=None, validate_items=5))
    for _ in range(3):
        trainer.advance()
    return trainer


def test_it_judges_the_average_and_leaves_no_trace(trainer: Trainer) -> None:
    validator = Validator(trainer, trainer.data.store)
    before = {name: tensor.clone() for name, tensor in trainer.codec.state_dict().items()}
    first = validator.distance(trainer)
    assert all(torch.equal(before[name], tensor) for name, tensor in trainer.codec.state_dict().items())
    assert validator.distance(trainer) == first
    with torch.no_grad():
        for parameter in trainer.codec.parameters():
            parameter.add_(0.1)
    assert validator.distance(trainer) == first
    trainer.adopt_weights()
    assert validator.distance(trainer) != first


def test_it_is_the_mean_mel_distance_over_all_crops(trainer: Trainer) -> None:
    """By hand: the same crops one by one, at the n_q in turn."""
    trainer.adopt_weights()
    audio = TrainingAudio(
        trainer.data.store, DataConfig(batch_items=5, gain_db=(0, 0)), trainer.data.crop_samples, 0
    )
    loss, terms = ReconstructionLoss(16000, {"mel"}), []
    with torch.no_grad():
        for row, n_q in enumerate((1, 2, 4, 1, 2)):
            one = audio.batch(0, slice(row, row + 1))
            found = run_pass(trainer.codec, one, torch.tensor([n_q]), bfloat16=False)
            terms.append(float(loss(found.target, found.output)["mel"]))
    distance = Validator(trainer, trainer.data.store).distance(trainer)
    assert distance == pytest.approx(sum(terms) / 5, rel=1e-4)


def test_it_falls_while_a_model_learns(tmp_path: Path) -> None:
    write_audio(tmp_path / "audio", clips=1)
    trainer = make_trainer(shrunk("soundstream_16k", tmp_path, discriminator=None, steps=12))
    validator = Validator(trainer, trainer.data.store)
    trainer.advance()
    before = validator.distance(trainer)
    for _ in range(10):
        trainer.advance()
    assert validator.distance(trainer) < before
