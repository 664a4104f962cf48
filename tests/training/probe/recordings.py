"""Recordings with phones that are told apart by their pitch, and files that say which is where."""

from pathlib import Path

import numpy as np
import soundfile

from tests.support import SAMPLE_RATE_HZ
from training.evaluation.metrics.metric import Signal
from training.probe.phones import Interval, write_phones

PITCHES_HZ = {"SIL": 0, "AA": 300, "IY": 700, "S": 1500}
_PHONE_S = 0.2


def spell(phones: list[str]) -> tuple[Signal, list[Interval]]:
    """A tone of 0.2 s for each phone, and where it is."""
    time = np.arange(round(_PHONE_S * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    tones = [0.3 * np.sin(2 * np.pi * PITCHES_HZ[phone] * time) for phone in phones]
    spans = [Interval(i * _PHONE_S, (i + 1) * _PHONE_S, phone) for i, phone in enumerate(phones)]
    return np.concatenate(tones).astype(np.float32), spans


def write_recordings(folder: Path, labels: Path, count: int, seed: int) -> Path:
    """Random words of these phones, 2 s each, with label files below `labels`."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(seed)
    for number in range(count):
        signal, spans = spell(["SIL", *random.choice(list(PITCHES_HZ)[1:], 9).tolist()])
        soundfile.write(folder / f"{seed}_{number}.wav", signal, SAMPLE_RATE_HZ)
        write_phones(spans, labels / f"{seed}_{number}.lab")
    return folder
