"""From a training run to a version in a repository."""

import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml

from codec.audio import read_audio
from codec.checkpoint import WEIGHTS_FILE, draft_manifest, write_files
from codec.config import load_yaml
from codec.errors import ConfigError
from codec.golden import golden_signal
from codec.model_config import parse_model_config
from codec.quantizer import ResidualQuantizer
from codec.repository import Repository
from training.evaluation.report_folder import ReportFolder, read_report
from training.passes import random_codec
from training.run_state import find_checkpoint, read_run

CARD_FILE = "card.md"
RECIPE_FILE = "recipe.yaml"


@dataclass(frozen=True, slots=True)
class Publication:
    """What to publish a run as.

    `golden`: a clip whose codes prove a load, None for a synthetic one; `report`: the folder that
    `codecd eval` wrote about the run.
    """

    name: str
    channel: str
    golden: Path | None = None
    description: str = ""
    licence: str = ""
    card: Path | None = None
    report: Path | None = None


def publish_run(run: Path, repository: Path, publication: Publication) -> str:
    """Publish the averaged weights of a run (its folder, or a checkpoint file); returns the version.

    The recipe goes with it, without the place where the audio lay; so does the report, whose means become the
    manifest's metrics. Raises `ConfigError` for what is no checkpoint, has no codebooks yet, or is not what
    the report is about, and what `read_report`, `read_audio` and `Repository.publish` raise.
    """
    report = read_report(publication.report) if publication.report else None
    state = read_run(find_checkpoint(run) or run)
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
    with tempfile.TemporaryDirectory(prefix="codecd-publish-") as folder:
        files = Path(folder)
        write_files(codec, golden, files)
        if report:
            _add_report(report, files)
        (files / RECIPE_FILE).write_text(_without_place(state["recipe"]))
        if publication.card:
            shutil.copyfile(publication.card, files / CARD_FILE)
        draft = draft_manifest(
            codec,
            publication.name,
            publication.description,
            publication.licence,
            report.metrics if report else None,
        )
        return Repository(repository).publish(publication.name, files, draft, publication.channel).version


def _add_report(report: ReportFolder, files: Path) -> None:
    digest = hashlib.sha256((files / WEIGHTS_FILE).read_bytes()).hexdigest()
    if digest != report.weights_sha256:
        raise ConfigError(
            "the report is about other weights; run codecd eval on this run, and name its folder"
        )
    for path in report.files:
        shutil.copyfile(path, files / path.name)


def _without_place(recipe: str) -> str:
    """The recipe without the paths of the machine that it ran on."""
    tree: Any = load_yaml(recipe, "the run's recipe")
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
