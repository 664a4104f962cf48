"""Batches of random crops. A batch is a pure function of (seed, step).

So a resumed run hears what an uninterrupted one would have, and every rank of several its own items.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from codec.model_config import ModelConfig
from training.audio_store import AudioStore, BrokenFile, Format, Piece, UnusableError, format_of, open_store
from training.augmentation import Augmentation
from training.data_config import DataConfig, Source
from training.recordings import find_recordings

_GIB = 1 << 30
_MOST_DRAWS = 100
"""Recordings tried for one crop, where those drawn turn out to be broken."""


@dataclass(frozen=True, slots=True)
class Batch:
    """`audio`: float32 `[item, channel, sample]`; `labels`: int64 `[item, label]` for models with labels."""

    audio: Tensor
    labels: Tensor | None = None

    def to(self, device: torch.device) -> "Batch":
        """The same on a device."""
        return Batch(self.audio.to(device), None if self.labels is None else self.labels.to(device))


@dataclass(frozen=True, slots=True)
class _Draw:
    index: int
    start: int
    gain: float


class TrainingAudio:
    """Crops of `crop_samples` from a store, changed as the recipe's `config` says."""

    def __init__(self, store: AudioStore, config: DataConfig, crop_samples: int, seed: int) -> None:
        self.store = store
        self.crop_samples = crop_samples
        self._config = config
        self._seed = seed
        self._chance = store.lengths / store.lengths.sum()
        self._noise: AudioStore | None = None
        if config.noise and config.noise.folder:
            form = Format(store.format.sample_rate, store.format.channels)
            self._noise = open_store(find_recordings([config.noise.folder]), form, config.memory_gib * _GIB)
        self._augment = Augmentation(config, store.format.sample_rate, self._noise)

    @property
    def seconds(self) -> float:
        """Length of all recordings together."""
        return float(self.store.lengths.sum()) / self.store.format.sample_rate

    @property
    def broken(self) -> list[BrokenFile]:
        """What could not be used so far, recordings of noise included."""
        return self.store.broken + (self._noise.broken if self._noise else [])

    def batch(self, step: int, rows: slice = slice(None)) -> Batch:
        """The `rows` of one step's batch: random crops, each at a random level.

        A recording is drawn with a chance proportional to its length; one shorter than the crop is padded
        with silence. Louder than full scale is scaled back, not clipped.
        """
        draws = self._draws(step)
        chosen = range(len(draws))[rows]
        pieces = [self._crop(draws[row], step, row) for row in chosen]
        audio = torch.from_numpy(np.stack([piece.samples for piece in pieces]))
        if not self.store.format.label_hop:
            return Batch(audio)
        words = [
            torch.from_numpy(piece.labels.astype(np.int64)) for piece in pieces if piece.labels is not None
        ]
        return Batch(audio, torch.stack(words))

    def _draws(self, step: int) -> list[_Draw]:
        """What each row hears: cheap, so that every rank draws for all."""
        random = np.random.default_rng((self._seed, step))
        draws = []
        for index in random.choice(len(self._chance), self._config.batch_items, p=self._chance):
            start = self._start(int(index), random)
            draws.append(_Draw(int(index), start, 10 ** (random.uniform(*self._config.gain_db) / 20)))
        return draws

    def _start(self, index: int, random: np.random.Generator) -> int:
        """Where a crop begins; for models with labels, where one of them does."""
        start = int(random.integers(0, max(1, int(self.store.lengths[index]) - self.crop_samples + 1)))
        hop = self.store.format.label_hop
        return start - start % hop if hop else start

    def _crop(self, draw: _Draw, step: int, row: int) -> Piece:
        random = np.random.default_rng((self._seed, step, row, 1))
        piece = self._read(draw, random)
        samples = self._augment(piece.samples, random)
        peak = float(np.abs(samples).max(initial=0.0)) * draw.gain
        missing = self.crop_samples - samples.shape[1]
        crop = np.pad(samples * np.float32(draw.gain / max(1.0, peak)), ((0, 0), (0, missing)))
        if piece.labels is None:
            return Piece(crop)
        wanted = -(-self.crop_samples // self.store.format.label_hop)
        # After the end of a recording its last label goes on, beside silence.
        return Piece(crop, np.pad(piece.labels, (0, wanted - len(piece.labels)), mode="edge"))

    def _read(self, draw: _Draw, random: np.random.Generator) -> Piece:
        """The piece drawn, or another one where the recording turns out to be broken."""
        index, start = draw.index, draw.start
        for _ in range(_MOST_DRAWS - 1):
            try:
                return self.store.read(index, start, self.crop_samples)
            except UnusableError:
                # The store has noted and logged it.
                index = int(random.choice(len(self._chance), p=self._chance))
                start = self._start(index, random)
        return self.store.read(index, start, self.crop_samples)


def sources_of(source: Source) -> Sequence[Path]:
    """The places that a recipe's `train` or `valid` names."""
    return (source,) if isinstance(source, Path) else source


def open_audio(source: Source, labels: Path | None, config: DataConfig, model: ModelConfig) -> AudioStore:
    """The recordings of a source for a model.

    Raises what `find_recordings` and `open_store` raise.
    """
    recordings = find_recordings(sources_of(source), labels)
    return open_store(recordings, format_of(model, config.vocabulary), config.memory_gib * _GIB)
