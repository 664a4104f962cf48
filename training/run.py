"""A training run in a folder: start or resume, show progress, keep checkpoints, stop when asked.

codecd train stream_16k data.train=speech/ --out runs/a
torchrun --nproc-per-node 4 -m codec.cli train stream_16k data.train=speech/ --out runs/a
tensorboard --logdir runs/a
"""

import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import torch

from codec.commands.options import SHIPPED_REPOSITORY
from codec.errors import ConfigError
from codec.model_config import ModelConfig, load_model_config
from training.data import TrainingAudio, open_audio
from training.fit import check_fit, crop_samples_of
from training.initial import Initial, begin_at, read_initial
from training.passes import random_codec
from training.ranks import Ranks, joined
from training.recipe import Recipe
from training.run_report import write_report
from training.run_state import CHECKPOINT, resume_run
from training.run_view import RunView
from training.trainer import Trainer
from training.validation import Validator

_log = logging.getLogger(__name__)


def train(recipe: Recipe, out: Path, repository: Path = SHIPPED_REPOSITORY) -> Path:
    """Run `recipe` in the folder `out` until its last step; returns the checkpoint.

    A folder that holds a checkpoint is resumed. SIGTERM or Ctrl-C saves one and ends early; at the last step
    a report is written. `repository`: where the recipe's `init` is looked up. Raises `ConfigError` for a
    recipe without data, one that does not fit its model, or a folder of another model; `InvalidAudioError`
    for a folder without audio; `TrainingError` when a loss is not finite (the last checkpoint stays).
    """
    checkpoint = out / CHECKPOINT
    with joined(recipe.device) as ranks:
        initial = read_initial(recipe.init, repository) if recipe.init else None
        trainer = _trainer(recipe, _config_of(recipe, initial), ranks)
        try:
            purge_step: int | None = None
            if checkpoint.exists():
                resume_run(trainer, checkpoint)
                purge_step = trainer.step + 1
                _log.info("resumed %s at step %d", checkpoint, trainer.step)
            elif initial:
                begin_at(trainer, initial)
            else:
                trainer.start()
            _run(trainer, out, purge_step)
        finally:
            trainer.close()
    for broken in trainer.data.broken:
        _log.warning("was not used: %s (%s)", broken.path, broken.reason)
    return checkpoint


def _config_of(recipe: Recipe, initial: Initial | None) -> ModelConfig:
    if recipe.model is None:
        assert initial is not None
        return initial.config
    config = load_model_config(recipe.model)
    if initial is not None and initial.config != config:
        raise ConfigError(
            f"init {recipe.init} is another model than {recipe.model}; leave model out, or change init"
        )
    return config


def _trainer(recipe: Recipe, config: ModelConfig, ranks: Ranks) -> Trainer:
    if recipe.data.train is None:
        raise ConfigError("no audio to train on; add data.train=FOLDER")
    check_fit(recipe, config, ranks.count)
    store = open_audio(recipe.data.train, recipe.data.labels, recipe.data, config)
    data = TrainingAudio(store, recipe.data, crop_samples_of(recipe, config), recipe.seed)
    # The only use of the global generator: the initial weights.
    torch.manual_seed(recipe.seed)
    return Trainer(recipe, random_codec(config), data, ranks)


def _run(trainer: Trainer, out: Path, purge_step: int | None) -> None:
    """To the last step, or until asked to stop; only the first rank watches and writes."""
    with _asked_to_stop() as asked:
        if not trainer.ranks.first:
            _loop(trainer, asked, None)
            return
        validator = _validator(trainer)
        out.mkdir(parents=True, exist_ok=True)
        (out / "recipe.yaml").write_text(trainer.recipe.to_yaml())
        with RunView(trainer, out, validator, purge_step) as view:
            _loop(trainer, asked, view)
            view.save()
        if trainer.step >= trainer.recipe.steps:
            write_report(trainer, out)


def _validator(trainer: Trainer) -> Validator | None:
    data = trainer.recipe.data
    if data.valid is None:
        return None
    return Validator(trainer, open_audio(data.valid, data.valid_labels, data, trainer.codec.config))


def _loop(trainer: Trainer, asked: "StopRequest", view: RunView | None) -> None:
    while trainer.step < trainer.recipe.steps and not trainer.ranks.any(asked.stop):
        log = trainer.advance()
        if view:
            view.after(log)


class StopRequest:
    """Becomes true when the process is asked to end."""

    def __init__(self) -> None:
        self.stop = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.stop = True


@contextmanager
def _asked_to_stop() -> Iterator[StopRequest]:
    request = StopRequest()
    signals = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, request) for number in signals]
    try:
        yield request
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)
