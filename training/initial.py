"""Fine-tuning: the weights that a run begins with, of a published version or of another run."""

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from codec.checkpoint import WEIGHTS_FILE
from codec.model_config import CONFIG_FILE, ModelConfig, parse_model_config, read_model_config
from codec.repository import Repository
from codec.version import read_manifest, verify_files
from codec.weights import load_weights
from training.run_state import find_checkpoint, read_run, same_layout
from training.trainer import Trainer


@dataclass(frozen=True, slots=True, eq=False)
class Initial:
    """A model to begin with.

    `weights`: all of its tensors; `codebooks`: their statistics, where a run kept them; `judge`: the
    discriminators that it was trained against, empty if they are not there any more.
    """

    config: ModelConfig
    weights: dict[str, Tensor]
    codebooks: dict[str, Tensor] | None
    judge: dict[str, Tensor]


def read_initial(reference: str, repository: Path) -> Initial:
    """What a checkpoint, a run's folder, a version's folder, `name`, `name@channel` or `name@version` holds.

    Imported models are versions like ours. Raises what `read_run`, `Repository` and `load_weights` raise.
    """
    path = Path(reference)
    if checkpoint := find_checkpoint(path):
        state = read_run(checkpoint)
        config = parse_model_config(state["config"], "the run's config")
        return Initial(config, state["codec"] | state["average"], state["codebooks"], state.get("judge", {}))
    if path.is_dir():
        folder = path
        verify_files(folder, read_manifest(folder))
    else:
        place = Repository(repository)
        version = place.resolve(reference)
        place.verify(version)
        folder = version.path
    config = read_model_config(folder / CONFIG_FILE)
    return Initial(config, load_weights(config, folder / WEIGHTS_FILE).state_dict(), None, {})


def begin_at(trainer: Trainer, initial: Initial) -> None:
    """Put a fresh trainer at these weights; discriminators of another layout keep their random ones."""
    trainer.codec.load_state_dict(initial.weights)
    trainer.adopt_weights()
    learner = trainer.codebooks
    if learner is not None and initial.codebooks is not None:
        learner.load_state_dict(initial.codebooks)
    elif learner is not None:
        config = trainer.codec.config
        frames = trainer.recipe.data.batch_items * trainer.data.crop_samples // config.hop_samples
        learner.adopt(frames)
    if trainer.judge and same_layout(trainer.judge, initial.judge):
        trainer.judge.load_state_dict(initial.judge)
