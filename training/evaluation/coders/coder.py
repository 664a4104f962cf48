"""What a codec under test has to do, and what comes out of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from codec.audio import encode_audio
from codec.tokens import Codes
from training.evaluation.metrics.metric import Signal


@dataclass(frozen=True, eq=False)
class Recording:
    """An original: its file, and its samples float32 `[sample]`, mixed down, at the model's rate."""

    path: Path
    samples: Signal
    sample_rate: int

    @property
    def seconds(self) -> float:
        """Length."""
        return len(self.samples) / self.sample_rate

    def wav(self) -> bytes:
        """The samples as a 16-bit WAV file."""
        return encode_audio(self.samples[None], self.sample_rate, "wav")


@dataclass(frozen=True, eq=False)
class Coded:
    """A recording out of a codec, aligned with the original, and what it cost.

    `payload_bits`: what carries sound, without headers; `file_bytes`: all that was written; times are wall
    clock and include reading and writing files; `lag_samples`: how many samples too late the audio came and
    was moved; `codes` of a model of ours.
    """

    audio: Signal
    payload_bits: int
    file_bytes: int
    encode_s: float
    decode_s: float
    lag_samples: int = 0
    codes: Codes | None = None


class Coder(Protocol):
    """A codec at one setting; small and picklable, as every process gets its own."""

    @property
    def family(self) -> str:
        """The codec: one line in the plot."""

    @property
    def label(self) -> str:
        """The codec and its setting: one row in the tables."""

    def code(self, recording: Recording) -> Coded:
        """Encode and decode. Raises `CodecError` or `OSError` for a recording that does not pass."""
