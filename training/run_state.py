"""Checkpoints of a training run: everything that the next step depends on, written whole or not at all."""

import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from codec.atomic import replacing
from codec.errors import ConfigError
from training.trainer import Trainer

FORMAT = 1
CHECKPOINT = "last.pt"
"""The file in the folder of a run that it is resumed from."""


def save_run(trainer: Trainer, path: Path) -> None:
    """Write the state of `trainer` to `path`; a crash leaves the previous file."""
    state: dict[str, Any] = {
        "format": FORMAT,
        "step": trainer.step,
        "recipe": trainer.recipe.to_yaml(),
        "config": trainer.codec.config.to_yaml(),
        "codec": trainer.codec.state_dict(),
        "average": trainer.average,
        "optimiser": trainer.optimiser.state_dict(),
        "codebooks": trainer.codebooks.state_dict() if trainer.codebooks else None,
        "balancer": trainer.balancer.state_dict(),
        "generator_loss": trainer.generator_loss,
        "best_distance": trainer.best_distance,
    }
    if trainer.judge and trainer.judge_optimiser:
        state["judge"] = trainer.judge.state_dict()
        state["judge_optimiser"] = trainer.judge_optimiser.state_dict()
    with replacing(path) as draft:
        torch.save(state, draft)


def find_checkpoint(path: Path) -> Path | None:
    """The checkpoint that a path means: a file, or the last one of a run's folder; None if it is no such."""
    last = path / CHECKPOINT
    if last.is_file():
        return last
    return path if path.is_file() else None


def read_run(path: Path) -> dict[str, Any]:
    """A checkpoint's content; nothing in it is executed.

    Raises `ConfigError` if the file is not such a checkpoint, or cut short, and `OSError` if it cannot be
    opened.
    """
    with path.open("rb") as file:
        # On foreign bytes the library fails in many ways, and advises to trust the file.
        try:
            state: object = torch.load(file, map_location="cpu", weights_only=True)
        except Exception as error:
            raise ConfigError(f"{path} is damaged or no training checkpoint; name a run's last.pt") from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise ConfigError(f"{path} is no training checkpoint of format {FORMAT}; name a run's last.pt")
    return state


def resume_run(trainer: Trainer, path: Path) -> None:
    """Put `trainer` where the run was.

    A discriminator that the checkpoint does not hold in this size (the recipe changed it) starts fresh.
    Raises `ConfigError` if the checkpoint is of another model.
    """
    state = read_run(path)
    if state["config"] != trainer.codec.config.to_yaml():
        raise ConfigError(f"{path} is a run of another model config; train it into another folder")
    trainer.codec.load_state_dict(state["codec"])
    for name, tensor in state["average"].items():
        trainer.average[name].copy_(tensor)
    trainer.optimiser.load_state_dict(state["optimiser"])
    if trainer.codebooks:
        trainer.codebooks.load_state_dict(state["codebooks"])
    if trainer.judge and trainer.judge_optimiser and same_layout(trainer.judge, state.get("judge", {})):
        trainer.judge.load_state_dict(state["judge"])
        trainer.judge_optimiser.load_state_dict(state["judge_optimiser"])
    # Runs from before discriminators were gated, gradients balanced and the best one kept have none of it.
    trainer.balancer.load_state_dict(state.get("balancer", {}))
    trainer.generator_loss = state.get("generator_loss", 0.0)
    trainer.best_distance = state.get("best_distance", math.inf)
    trainer.step = state["step"]


def same_layout(module: nn.Module, state: dict[str, Tensor]) -> bool:
    """Whether a module has tensors of the names and shapes in `state`."""
    return {n: t.shape for n, t in module.state_dict().items()} == {n: t.shape for n, t in state.items()}
