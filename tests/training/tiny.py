"""Runs that last seconds: a tiny model, a few short recordings, every part of the recipe switched on."""

from pathlib import Path
from typing import Any

import soundfile
import torch
from torch import Tensor

from codec.config import CodecConfig, NetworkConfig, QuantizerConfig
from tests.support import SAMPLE_RATE_HZ, voiced
from training.recipe import Recipe
from training.run_state import read_run

TINY = CodecConfig(
    network=NetworkConfig(width=24, kernel_frames=3, encoder_blocks=1, decoder_blocks=1),
    quantizer=QuantizerConfig(codebooks=4, codebook_size=16, dimension=8),
)


def write_audio(folder: Path, clips: int = 3, seconds: float = 1.5) -> Path:
    """Recordings of synthetic voiced sound."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(clips):
        soundfile.write(folder / f"{seed}.wav", voiced(seconds, seed=seed), SAMPLE_RATE_HZ)
    return folder


def write_config(folder: Path) -> Path:
    """The tiny model's config as a file, since a recipe names its model by a preset or a path."""
    path = folder / "tiny.yaml"
    path.write_text(TINY.to_yaml())
    return path


def tiny_recipe(folder: Path, **changes: object) -> Recipe:
    """A recipe on audio in `folder`; `changes` are whole sections or single values."""
    tree: dict[str, object] = {
        "model": str(write_config(folder)),
        "steps": 12,
        "linear_start": True,
        "checkpoint_every": 5,
        "log_every": 2,
        "listen_every": 6,
        "data": {"train": str(folder / "audio"), "crop_seconds": 0.16, "batch_items": 2},
        "codebooks": {
            "start_step": 3,
            "start_vectors": 40,
            "kmeans_iterations": 2,
            "decay": 0.8,
            "revival_share": 0.2,
            "n_q_choices": [1, 2, 4],
        },
        "discriminator": {"n_ffts": [256, 128], "filters": 2, "start_step": 5, "items": 1},
        "optimiser": {"learning_rate": 2e-3, "warmup_steps": 4},
    }
    return Recipe.model_validate(tree | changes)


def _leaves(node: Any, name: str = "") -> dict[str, Any]:
    """All leaves of a checkpoint by their path."""
    if isinstance(node, dict):
        items = node.items()
    elif isinstance(node, list | tuple):
        items = dict(enumerate(node)).items()
    else:
        return {name: node}
    return {key: leaf for part, child in items for key, leaf in _leaves(child, f"{name}/{part}").items()}


def assert_equal_runs(first: Path, second: Path) -> None:
    """Weights, average, optimisers, codebooks and discriminator, bit for bit."""
    mine, theirs = _leaves(read_run(first)), _leaves(read_run(second))
    assert mine.keys() == theirs.keys()
    for name, leaf in mine.items():
        if isinstance(leaf, Tensor):
            assert torch.equal(leaf, theirs[name]), name
        else:
            assert leaf == theirs[name], name
    assert sum(isinstance(leaf, Tensor) for leaf in mine.values()) > 100
