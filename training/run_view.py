"""What a person sees of a run, and what stays of it: bar, TensorBoard, validation, checkpoints.

Only the first of several ranks has one.
"""

import time
from collections import defaultdict
from pathlib import Path
from types import TracebackType
from typing import Self

from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from training.data import TrainingAudio
from training.listening import Listener
from training.retention import Checkpoints
from training.trainer import StepLog, Trainer
from training.validation import Validator

VALIDATION = "validation/mel_distance"
_EXCERPT_SECONDS = 4


class RunView:
    """Called after every step; `purge_step`: events from there on are of a run that crashed."""

    def __init__(
        self, trainer: Trainer, out: Path, validator: Validator | None, purge_step: int | None = None
    ) -> None:
        recipe, rate = trainer.recipe, trainer.codec.config.sample_rate
        self._trainer = trainer
        self._validator = validator
        self._checkpoints = Checkpoints(out, recipe.keep_last)
        # What a crashed run had drawn beyond its last checkpoint is drawn again: viewers drop the first.
        self._writer = SummaryWriter(str(out), purge_step=purge_step)
        plain = recipe.data.model_copy(update={"noise": None, "band_limit": None})
        heard = TrainingAudio(trainer.data.store, plain, _EXCERPT_SECONDS * rate, recipe.seed)
        excerpt = heard.batch(0, slice(1)).to(trainer.ranks.device)
        self._listener = Listener(self._writer, excerpt, rate)
        self._window = _Window(recipe.data.batch_items * trainer.data.crop_samples / rate)
        self._bar = tqdm(total=recipe.steps, initial=trainer.step, unit="step", smoothing=0.05)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()
        self._writer.close()

    def after(self, log: StepLog) -> None:
        """Show a step; validate, save and listen where the recipe says so."""
        trainer, recipe = self._trainer, self._trainer.recipe
        step, learner = trainer.step, trainer.codebooks
        quantized = learner.started if learner else trainer.quantizing
        self._window.add(log)
        self._bar.update()
        if step % recipe.log_every == 0:
            self._tell(self._window.close())
        if step % recipe.validate_every == 0 and quantized and self._validator:
            self._validate(self._validator)
        if step % recipe.checkpoint_every == 0:
            self._checkpoints.save(trainer)
        if step % recipe.listen_every == 0 and quantized:
            self._listener.listen(trainer.codec, step)

    def save(self) -> None:
        """Write the last checkpoint, also between the recipe's steps."""
        self._checkpoints.save(self._trainer)

    def _tell(self, means: dict[str, float]) -> None:
        told = {name: value for name, value in means.items() if "/" not in name}
        self._bar.set_postfix_str(" ".join(f"{name} {value:.3g}" for name, value in told.items()))
        for name, value in means.items():
            self._writer.add_scalar(name, value, self._trainer.step)

    def _validate(self, validator: Validator) -> None:
        distance = validator.distance(self._trainer)
        self._writer.add_scalar(VALIDATION, distance, self._trainer.step)
        if distance < self._trainer.best_distance:
            self._trainer.best_distance = distance
            self._checkpoints.save_best(self._trainer)


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
        for name, value in log.weighted.items():
            self._sums[f"weighted/{name}"] += value

    def close(self) -> dict[str, float]:
        """The means, and the audio-seconds per second; a new window begins."""
        means = {name: total / self._steps for name, total in self._sums.items()}
        means["audio_seconds_per_second"] = (
            self._steps * self._seconds_per_step / (time.monotonic() - self._since)
        )
        self._reset()
        return means
