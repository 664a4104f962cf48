"""Training of a recogniser, stopped when it gets no better on recordings it does not learn from."""

import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from training.probe.recogniser import Recogniser

_IGNORED = -100
_CHUNK_FRAMES = 500
_SILENCE = 0


@dataclass(frozen=True, slots=True)
class Learning:
    """How a recogniser is trained: alike for every input.

    `patience`: epochs without a lower error on the held-out recordings, after which it ends.
    """

    epochs: int = 30
    patience: int = 4
    batch_items: int = 4
    learning_rate: float = 2e-3
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Labelled:
    """One input of a recording, `[frame, number]`, and its classes, int64 `[frame]`."""

    frames: Tensor
    classes: Tensor


@dataclass(frozen=True, slots=True)
class Learnt:
    """What training came to: epochs run, wall-clock seconds, and the best held-out error rate."""

    epochs: int
    seconds: float
    held_out_error: float


def error_rate(recogniser: Recogniser, item: Labelled) -> float:
    """Share of the frames with a phone (class 0 is silence) whose class is not the one that scores most.

    `item` must have such a frame.
    """
    wrong, counted = _errors(recogniser, item)
    return wrong / counted


def learn(
    recogniser: Recogniser, train: Sequence[Labelled], held_out: Sequence[Labelled], learning: Learning
) -> Learnt:
    """Train in place, and leave the weights of the best epoch.

    The same seed gives the same weights on the same machine with one thread.
    """
    began = time.perf_counter()
    chunks = [chunk for item in train for chunk in _chunks(item)]
    order = torch.Generator().manual_seed(learning.seed)
    optimiser = torch.optim.AdamW(recogniser.parameters(), lr=learning.learning_rate, weight_decay=0.01)
    best, best_epoch, epoch = 1.0, 0, 0
    weights = copy.deepcopy(recogniser.state_dict())
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(learning.seed)
        while epoch < learning.epochs and epoch - best_epoch < learning.patience:
            epoch += 1
            for rows in torch.randperm(len(chunks), generator=order).split(learning.batch_items):
                _step(recogniser, optimiser, [chunks[row] for row in rows])
            error = _pooled_error(recogniser, held_out)
            if error < best:
                best, best_epoch = error, epoch
                weights = copy.deepcopy(recogniser.state_dict())
    recogniser.load_state_dict(weights)
    return Learnt(epoch, time.perf_counter() - began, best)


def _chunks(item: Labelled) -> list[Labelled]:
    pairs = zip(item.frames.split(_CHUNK_FRAMES), item.classes.split(_CHUNK_FRAMES), strict=True)
    return [Labelled(frames, classes) for frames, classes in pairs]


def _step(recogniser: Recogniser, optimiser: torch.optim.Optimizer, batch: Sequence[Labelled]) -> None:
    recogniser.train()
    frames = pad_sequence([item.frames for item in batch], batch_first=True)
    classes = pad_sequence([item.classes for item in batch], batch_first=True, padding_value=_IGNORED)
    scores = recogniser(frames, classes != _IGNORED)
    loss = functional.cross_entropy(scores.flatten(0, 1), classes.flatten(), ignore_index=_IGNORED)
    optimiser.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(recogniser.parameters(), 1.0)
    optimiser.step()


def _pooled_error(recogniser: Recogniser, items: Sequence[Labelled]) -> float:
    counts = [_errors(recogniser, item) for item in items]
    return sum(wrong for wrong, _ in counts) / sum(counted for _, counted in counts)


@torch.no_grad()
def _errors(recogniser: Recogniser, item: Labelled) -> tuple[int, int]:
    """Frames with a phone that are wrong, and all of them."""
    recogniser.eval()
    inside = torch.ones(1, len(item.classes), dtype=torch.bool)
    found = recogniser(item.frames.unsqueeze(0), inside)[0].argmax(-1)
    phones = item.classes != _SILENCE
    return int((found != item.classes)[phones].sum()), int(phones.sum())
