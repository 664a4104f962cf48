"""Real speech of any length: the training clips of the shared data, one after the other."""

import csv
import itertools

import numpy as np
import soundfile
from numpy.typing import NDArray

from codec.audio.pcm import decode
from tests.support import shared_dir

RATE = 16_000

Pcm = NDArray[np.int16]
Signal = NDArray[np.float32]


def train_speech(seconds: float, *, skip: int = 0) -> Pcm:
    """That much speech, int16 `[sample]` at 16 kHz, without the first `skip` clips; repeats if it has to."""
    folder = shared_dir() / "data"
    with (folder / "train.csv").open() as file:
        names = [row["file"] for row in csv.DictReader(file)]
    wanted, got, pieces = round(seconds * RATE), 0, []
    for name in itertools.islice(itertools.cycle(names), skip, None):
        samples, rate = soundfile.read(folder / name, dtype="int16")
        if rate != RATE or samples.ndim != 1:
            raise ValueError(f"{name} is not mono at {RATE} Hz; the shared data is damaged")
        pieces.append(samples)
        got += len(samples)
        if got >= wanted:
            break
    return np.concatenate(pieces)[:wanted]


def clips(count: int, seconds: float) -> list[Pcm]:
    """`count` different pieces of speech of the same length."""
    whole = train_speech(count * seconds)
    return list(whole.reshape(count, -1))


def as_float(pcm: Pcm) -> Signal:
    """Float32 `[sample]` exactly as the service reads 16-bit samples."""
    signal: Signal = decode(pcm.astype("<i2").tobytes(), "s16", 1)[0]
    return signal
