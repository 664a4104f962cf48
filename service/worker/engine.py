"""What the schedulers need of a model: rows of state that step together, or pieces of whole items."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from codec.tokens import Labels
from service.ipc import Operation


@dataclass(frozen=True, slots=True)
class Geometry:
    """The numbers of a model that turn bytes into frames; `delay_samples` precede sample 0 when decoded."""

    sample_rate: int
    channels: int
    hop_samples: int
    delay_samples: int
    codebooks: int
    codebook_size: int

    @property
    def frame_seconds(self) -> float:
        """Audio in one frame."""
        return self.hop_samples / self.sample_rate


class Engine(Protocol):
    """A model with one state row per session; a step moves the named rows forward and leaves all others."""

    def counters(self) -> Mapping[str, int]:
        """What it has to tell beside what the scheduler counts; names are those of metrics."""

    def reset(self, operation: Operation, rows: Sequence[int]) -> None:
        """Make the state of the rows that of a fresh stream."""

    def encode(self, rows: Sequence[int], audio: NDArray[np.float32], n_q: int) -> NDArray[np.uint16]:
        """Audio `[row, sample, channel]`, whole frames, to codes `[row, frame, n_q]`."""

    def decode(self, rows: Sequence[int], codes: NDArray[np.int64]) -> NDArray[np.float32]:
        """Codes `[row, frame, codebook]`, -1 = absent, to audio `[row, sample, channel]`, delay included."""


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """What a model codes as one: a whole item or a segment of one, before or after it was run.

    `items`: samples float32 `[sample, channel]` or codes uint16 `[frame, codebook]`; `scale`, `labels`: what
    the model has beside codes, the labels being those of this piece.
    """

    n_samples: int
    items: NDArray[Any]
    scale: float | None = None
    labels: Labels | None = None


class ItemEngine(Protocol):
    """A model that needs all of a piece; what comes out does not depend on the pieces beside it."""

    def encode(self, pieces: Sequence[Piece], n_q: int) -> list[Piece]:
        """Samples to codes of `n_q` codebooks, with their scale."""

    def decode(self, pieces: Sequence[Piece]) -> list[Piece]:
        """Codes, of as many codebooks as each piece has, to samples: all that the frames give."""

    def join(self, pieces: Sequence[Piece], n_samples: int) -> NDArray[np.float32]:
        """`[n_samples, channel]` of all the decoded pieces of an item."""
