"""What the scheduler needs of a model: rows of state that step together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

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

    def reset(self, operation: Operation, rows: Sequence[int]) -> None:
        """Make the state of the rows that of a fresh stream."""

    def encode(self, rows: Sequence[int], audio: NDArray[np.float32], n_q: int) -> NDArray[np.uint16]:
        """Audio `[row, sample, channel]`, whole frames, to codes `[row, frame, n_q]`."""

    def decode(self, rows: Sequence[int], codes: NDArray[np.int64]) -> NDArray[np.float32]:
        """Codes `[row, frame, codebook]`, -1 = absent, to audio `[row, sample, channel]`, delay included."""
