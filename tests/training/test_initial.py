"""Fine-tuning: weights of a run or of a published version, with whatever discriminators."""

from pathlib import Path

import pytest
import torch

from codec.errors import NotFoundError
from codec.weights import load_weights
from tests.training.tiny import (
    TINY_DISCRIMINATOR,
    make_trainer,
    shrunk,
    tiny_recipe,
    write_audio,
)
from training.initial import begin_at, read_initial
from training.publish import Publication, publish_run
from training.recipe import Recipe
from training.run_state import CHECKPOINT, read_run, save_run

pytestmark = pytest.mark.usefixtures("single_thread")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("initial")
    write_audio(made / "audio", clips=1)
    return made


def published(recipe: Recipe, folder: Path) -> Path:
    """A run of a few steps, and a repository with its model."""
    trainer = make_trainer(recipe)
    trainer.start()
    for _ in range(6):
        trainer.advance()
    folder.mkdir()
    save_run(trainer, folder / CHECKPOINT)
    publish_run(folder, folder / "models", Publication("tiny", "stable"))
    return folder


def test_a_checkpoint_gives_average_codebooks_and_discriminators(folder: Path, tmp_path: Path) -> None:
    run = published(tiny_recipe(folder), tmp_path / "run")
    state = read_run(run / CHECKPOINT)
    for reference in (str(run), str(run / CHECKPOINT)):
        trainer = make_trainer(tiny_recipe(folder), seed=5)
        begin_at(trainer, read_initial(reference, tmp_path))
        assert trainer.judge is not None
        assert trainer.codebooks is not None
        for name, parameter in trainer.codec.named_parameters():
            assert torch.equal(parameter, state["average"][name])
            assert torch.equal(trainer.average[name], parameter)
        assert torch.equal(trainer.codebooks.sums, state["codebooks"]["sums"])
        assert all(torch.equal(t, state["judge"][n]) for n, t in trainer.judge.state_dict().items())
        assert trainer.step == 0
        trainer.advance()


@pytest.mark.parametrize("name", ["stream_16k", "soundstream_16k", "dac_16k"])
def test_a_version_can_go_on_with_other_discriminators(name: str, folder: Path, tmp_path: Path) -> None:
    """Weight norm is in the file and is trained, not the product that inference folds."""
    make = tiny_recipe if name == "stream_16k" else lambda folder, **changes: shrunk(name, folder, **changes)
    run = published(make(folder), tmp_path / "run")
    initial = read_initial("tiny", run / "models")
    version = next((run / "models" / "tiny").rglob("model.safetensors")).parent
    by_folder = read_initial(str(version), tmp_path)
    assert all(torch.equal(t, by_folder.weights[n]) for n, t in initial.weights.items())
    other = TINY_DISCRIMINATOR | {"kinds": [{"kind": "scale", "channels": 16, "max_channels": 16}]}
    trainer = make_trainer(make(folder, discriminator=other | {"start_step": 0}, linear_start=False), seed=5)
    begin_at(trainer, initial)
    wanted = load_weights(initial.config, version / "model.safetensors").state_dict()
    assert all(torch.equal(t, wanted[n]) for n, t in trainer.codec.state_dict().items())
    books = initial.weights.get("quantizer.codebooks")
    log = trainer.advance()
    assert {"adversarial", "commitment"} <= set(log.weighted)
    if trainer.codebooks is not None and books is not None:
        assert trainer.codebooks.started
        # From the version's entries, not from another k-means start.
        moved = trainer.codec.state_dict()["quantizer.codebooks"] - books
        assert 0 < float(moved.norm()) < float(books.norm())


def test_a_name_that_nobody_published_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        read_initial("nobody", tmp_path)
