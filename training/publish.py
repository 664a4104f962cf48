"""From a training run to a version in a repository."""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch
import yaml

from codec.audio import read_audio
from codec.checkpoint import draft_manifest, write_files
from codec.errors import ConfigError
from codec.golden import golden_signal
from codec.model_config import parse_model_config
from codec.quantizer import ResidualQuantizer
from codec.repository import Repository
from training.passes import random_codec
from training.run_state import CHECKPOINT, read_run

CARD_FILE = "card.md"
RECIPE_FILE = "recipe.yaml"


@dataclass(frozen=True, slots=True)
class Publication:
    """What to publish a run as; `golden`: a clip whose codes prove a load, None for a synthetic one."""

    name: str
    channel: str
    golden: Path | None = None
    description: str = ""
    licence: str = ""
    card: Path | None = None


def publish_run(run: Path, repository: Path, publication: Publication) -> str:
    """Publish the averaged weights of a run (its folder, or a checkpoint file); returns the version.

    The recipe goes with it, without the place where the audio lay. Raises `ConfigError` for what is no
    checkpoint or has no codebooks yet, and what `read_audio` and `Repository.publish` raise.
    """
    state = read_run(run / CHECKPOINT if run.is_dir() else run)
    config = parse_model_config(state["config"], "the run's config")
    codec = random_codec(config)
    codec.load_state_dict(state["codec"] | state["average"])
    if isinstance(codec.quantizer, ResidualQuantizer) and not codec.quantizer.codebooks.any():
        raise ConfigError(f"{run} has no codebooks yet; train beyond codebooks.start_step of its recipe")
    rate = codec.config.sample_rate
    if publication.golden is None:
        golden = golden_signal(rate, config.channels)
    else:
        golden = torch.from_numpy(
            read_audio(publication.golden, rate, channels=config.channels).samples
        ).unsqueeze(0)
    draft = draft_manifest(codec, publication.name, publication.description, publication.licence)
    with tempfile.TemporaryDirectory(prefix="codecd-publish-") as folder:
        files = Path(folder)
        write_files(codec, golden, files)
        (files / RECIPE_FILE).write_text(_without_place(state["recipe"]))
        if publication.card:
            shutil.copyfile(publication.card, files / CARD_FILE)
        return Repository(repository).publish(publication.name, files, draft, publication.channel).version


def _without_place(recipe: str) -> str:
    """The recipe without the paths of the machine that it ran on."""
    tree = yaml.safe_load(recipe)
    data = tree["data"]
    for key in ("train", "valid", "labels", "valid_labels", "vocabulary"):
        if key in data:
            data[key] = None
    if data.get("noise"):
        data["noise"]["folder"] = None
    for key in ("model", "init"):
        if tree.get(key):
            tree[key] = Path(tree[key]).name
    return yaml.safe_dump(tree, sort_keys=False)
