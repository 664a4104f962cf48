"""How well a run does on recordings that it does not train on."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from training.audio_store import AudioStore
from training.data import TrainingAudio
from training.data_config import DataConfig
from training.losses.reconstruction import ReconstructionLoss
from training.passes import for_crops, run_pass
from training.ranks import ALONE
from training.trainer import Trainer


class Validator:
    """Mel distance on the same crops every time, at one of the recipe's n_q each, in turn."""

    def __init__(self, trainer: Trainer, store: AudioStore) -> None:
        recipe = trainer.recipe
        plain = DataConfig(batch_items=recipe.validate_items, gain_db=(0, 0))
        self._audio = TrainingAudio(store, plain, trainer.data.crop_samples, seed=0)
        self._items = recipe.validate_items
        self._at_once = recipe.data.batch_items
        choices = torch.tensor(sorted(set(recipe.codebooks.n_q_choices)))
        self._n_q = choices.repeat(-(-self._items // len(choices)))[: self._items]
        self._codec = for_crops(trainer.codec, trainer.data.crop_samples, ALONE)
        self._loss = ReconstructionLoss(trainer.codec.config.sample_rate, {"mel"}).to(trainer.ranks.device)

    @torch.no_grad()
    def distance(self, trainer: Trainer) -> float:
        """Mean over the crops, of the averaged weights, which are the ones that get published."""
        device, total = trainer.ranks.device, 0.0
        with _averaged(trainer):
            for first in range(0, self._items, self._at_once):
                rows = slice(first, first + self._at_once)
                n_q = self._n_q[rows].to(device)
                found = run_pass(self._codec, self._audio.batch(0, rows).to(device), n_q, bfloat16=False)
                total += float(self._loss(found.target, found.output)["mel"]) * len(n_q)
        return total / self._items


@contextmanager
def _averaged(trainer: Trainer) -> Iterator[None]:
    """The codec at its running average, and afterwards exactly where it was."""
    before = {name: parameter.detach().clone() for name, parameter in trainer.codec.named_parameters()}
    _set(trainer, trainer.average)
    try:
        yield
    finally:
        _set(trainer, before)


@torch.no_grad()
def _set(trainer: Trainer, values: dict[str, torch.Tensor]) -> None:
    for name, parameter in trainer.codec.named_parameters():
        parameter.copy_(values[name])
