"""Runs that last seconds: a tiny model, a few short recordings, every part of the recipe switched on."""

from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from torch import Tensor

from codec.config import CodecConfig, NetworkConfig, QuantizerConfig
from codec.model_config import load_model_config
from tests.codec.seanets import SEANET_PRESETS, small_config
from tests.support import SAMPLE_RATE_HZ, voiced
from training.data import TrainingAudio, open_audio
from training.fit import crop_samples_of
from training.passes import random_codec
from training.ranks import ALONE, Ranks
from training.recipe import Recipe, load_recipe
from training.run_state import read_run
from training.trainer import Trainer

TINY = CodecConfig(
    network=NetworkConfig(width=24, kernel_frames=3, encoder_blocks=1, decoder_blocks=1),
    quantizer=QuantizerConfig(codebooks=4, codebook_size=16, dimension=8),
)

TINY_LOSSES: dict[str, object] = {
    "time": 20.0,
    "power_mel": 0.0,
    "log_power": 0.0,
    "mel": 4.5,
    "spectrum": 4.0,
    "level": 0.1,
    "commitment": 0.5,
    "adversarial": 0.1,
    "features": 1.0,
    "relative_features": True,
}
TINY_DISCRIMINATOR: dict[str, object] = {
    "kinds": [
        {"kind": "stft", "n_ffts": [256, 128], "filters": 2},
        {"kind": "period", "periods": [3], "channels": 2, "max_channels": 4},
    ],
    "start_step": 5,
    "items": 1,
    "gated": False,
}


def write_audio(folder: Path, clips: int = 3, seconds: float = 1.5) -> Path:
    """Recordings of synthetic voiced sound."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(clips):
        soundfile.write(folder / f"{seed}.wav", voiced(seconds, seed=seed), SAMPLE_RATE_HZ)
    return folder


def write_labels(folder: Path, audio: Path) -> Path:
    """A label for every 10 ms of every recording."""
    folder.mkdir(exist_ok=True)
    for seed, path in enumerate(sorted(audio.iterdir())):
        count = -(-soundfile.info(path).frames // (SAMPLE_RATE_HZ // 100))
        np.save(folder / f"{path.stem}.npy", np.random.default_rng(seed).integers(0, 86, count))
    return folder


def write_config(folder: Path, preset: str = "stream_16k") -> Path:
    """A tiny model of a preset's structure as a file: a recipe names its model by a preset or a path."""
    path = folder / f"tiny_{preset}.yaml"
    path.write_text((small_config(preset) if preset in SEANET_PRESETS else TINY).to_yaml())
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
        "losses": TINY_LOSSES,
        "discriminator": TINY_DISCRIMINATOR,
        "optimiser": {"learning_rate": 2e-3, "warmup_steps": 4},
    }
    return Recipe.model_validate(tree | changes)


def shrunk(name: str, folder: Path, **changes: object) -> Recipe:
    """A shipped recipe at tiny widths, with audio and labels in `folder`; all phases begin at once."""
    recipe = load_recipe(name, [])
    assert recipe.model is not None
    tree = recipe.model_dump(mode="json")
    tree["model"] = str(write_config(folder, recipe.model))
    tree |= {"steps": 3, "freeze_encoder_at": None}
    # As short as the longest window of the losses allows, and two frames.
    crop_seconds = 0.128 if recipe.losses.mel else 0.16 if "1280" in name else 0.08
    if recipe.losses.envelopes:
        crop_seconds = 0.42
    tree["data"] |= {"train": str(folder / "audio"), "crop_seconds": crop_seconds, "batch_items": 2}
    if recipe.model.startswith("semantic"):
        tree["data"]["labels"] = str(folder / "labels")
    small = {"start_step": 0, "start_vectors": 40, "kmeans_iterations": 2, "n_q_choices": [1, 2, 4]}
    tree["codebooks"] |= small
    narrow: dict[str, dict[str, object]] = {
        "stft": {"filters": 2, "n_ffts": [256, 128]},
        "period": {"channels": 2, "max_channels": 4, "periods": [3]},
    }
    for kind in tree["discriminator"]["kinds"]:
        kind |= narrow[kind["kind"]]
    tree["discriminator"]["start_step"] = 0
    return Recipe.model_validate(tree | changes)


def make_trainer(recipe: Recipe, seed: int = 0, ranks: Ranks = ALONE) -> Trainer:
    """What a run makes of a recipe."""
    assert recipe.model is not None
    assert recipe.data.train is not None
    config = load_model_config(recipe.model)
    store = open_audio(recipe.data.train, recipe.data.labels, recipe.data, config)
    data = TrainingAudio(store, recipe.data, crop_samples_of(recipe, config), recipe.seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Trainer(recipe, random_codec(config), data, ranks)


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
