"""A training run in a folder: start or resume, show progress, keep checkpoints, stop when asked.

codecd train stream_16k data.train=speech/ --out runs/a
tensorboard --logdir runs/a
"""

import logging
import signal
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import torch
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from codec.config import CodecConfig, load_config
from codec.errors import ConfigError
from codec.model import Codec
from training.data import AudioFolder
from training.listening import Listener
from training.losses import MEL_SCALES
from training.recipe import Recipe
from training.run_state import resume_run, save_run
from training.trainer import StepLog, Trainer

CHECKPOINT = "last.pt"
_EXCERPT_SECONDS = 4

_log = logging.getLogger(__name__)


def train(recipe: Recipe, out: Path) -> Path:
    """Run `recipe` in the folder `out` until its last step; returns the checkpoint.

    A folder that holds a checkpoint is resumed. SIGTERM or Ctrl-C saves one and ends early.
    Raises `ConfigError` for a recipe without data, one that does not fit its model, or a folder of another
    model; `InvalidAudioError` for a folder without audio; `TrainingError` when a loss is not finite (the
    last checkpoint stays).
    """
    trainer = _trainer(recipe)
    out.mkdir(parents=True, exist_ok=True)
    checkpoint = out / CHECKPOINT
    # What a crashed run had drawn beyond its last checkpoint is drawn again: viewers drop the first version.
    purge_step: int | None = None
    if checkpoint.exists():
        resume_run(trainer, checkpoint)
        purge_step = trainer.step + 1
        _log.info("resumed %s at step %d", checkpoint, trainer.step)
    else:
        trainer.start()
    (out / "recipe.yaml").write_text(recipe.to_yaml())
    with SummaryWriter(str(out), purge_step=purge_step) as writer, _asked_to_stop() as asked:
        _loop(trainer, writer, asked, checkpoint)
        save_run(trainer, checkpoint)
    for broken in trainer.data.broken:
        _log.warning("was not used: %s (%s)", broken.path, broken.reason)
    return checkpoint


def _trainer(recipe: Recipe) -> Trainer:
    if recipe.data.train is None:
        raise ConfigError("no audio to train on; add data.train=FOLDER")
    config = load_config(recipe.model)
    check_fit(recipe, config)
    data = AudioFolder(recipe.data.train, config.sample_rate)
    # The only use of the global generator: the initial weights.
    torch.manual_seed(recipe.seed)
    return Trainer(recipe, Codec(config), data)


def check_fit(recipe: Recipe, config: CodecConfig) -> None:
    """Raise `ConfigError`, naming the key, if the recipe cannot train such a model."""
    most = max(recipe.codebooks.n_q_choices)
    if most > config.quantizer.codebooks:
        raise ConfigError(
            f"codebooks.n_q_choices has {most}; the model has {config.quantizer.codebooks} codebooks"
        )
    windows = recipe.discriminator.n_ffts if recipe.discriminator else ()
    needed = config.delay_samples + max(*windows, *(n_fft for n_fft, _ in MEL_SCALES))
    if recipe.data.crop_seconds * config.sample_rate < needed:
        raise ConfigError(
            f"data.crop_seconds of {recipe.data.crop_seconds:g} is too short for the longest window of the "
            f"losses; use at least {needed / config.sample_rate:g}"
        )
    if recipe.linear_start and config.network.width < config.quantizer.dimension:
        raise ConfigError(
            f"linear_start needs a network at least as wide as the latent: width {config.network.width}, "
            f"dimension {config.quantizer.dimension}; change the model config or set linear_start=false"
        )


def _loop(trainer: Trainer, writer: SummaryWriter, asked: "StopRequest", checkpoint: Path) -> None:
    recipe = trainer.recipe
    rate = trainer.codec.config.sample_rate
    excerpt = trainer.data.batch(recipe.data, _EXCERPT_SECONDS * rate, recipe.seed, 0)[:1]
    listener = Listener(writer, excerpt, rate)
    window = _Window(recipe.data.batch_items * trainer.crop_samples / rate)
    with tqdm(total=recipe.steps, initial=trainer.step, unit="step", smoothing=0.05) as bar:
        while trainer.step < recipe.steps and not asked.stop:
            window.add(trainer.advance())
            bar.update()
            if trainer.step % recipe.log_every == 0:
                means = window.close()
                bar.set_postfix_str(" ".join(f"{name} {value:.3g}" for name, value in means.items()))
                for name, value in means.items():
                    writer.add_scalar(name, value, trainer.step)
            if trainer.step % recipe.checkpoint_every == 0:
                save_run(trainer, checkpoint)
            if trainer.step % recipe.listen_every == 0 and trainer.step > recipe.codebooks.start_step:
                listener.listen(trainer.codec, trainer.step)


class _Window:
    """Means over the steps since it was last closed, and the speed."""

    def __init__(self, seconds_per_step: float) -> None:
        self._seconds_per_step = seconds_per_step
        self._reset()

    def _reset(self) -> None:
        self._sums: defaultdict[str, float] = defaultdict(float)
        self._steps = 0
        self._since = time.monotonic()

    def add(self, log: StepLog) -> None:
        """Count one step."""
        self._steps += 1
        self._sums["revived"] += log.revived
        for name, value in log.terms.items():
            self._sums[name] += value

    def close(self) -> dict[str, float]:
        """The means, and the audio-seconds per second; a new window begins."""
        means = {name: total / self._steps for name, total in self._sums.items()}
        means["audio_seconds_per_second"] = (
            self._steps * self._seconds_per_step / (time.monotonic() - self._since)
        )
        self._reset()
        return means


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
