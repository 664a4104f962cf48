"""Whether the melody of a voice survives."""

import numpy as np

from codec.errors import InvalidAudioError
from training.evaluation.metrics.metric import SPEECH_RATE, Measure, Metric, Pair
from training.evaluation.metrics.pitch import track_pitch

FEWEST_FRAMES = 20
"""Frames, 0.2 s, that have to be voiced in the original."""


def pitch_correlation() -> Metric:
    """Correlation of log pitch over the frames that are voiced in the original."""
    return Metric(
        name="f0_correlation",
        title="F0 correlation",
        better="higher",
        about="Pearson correlation of log F0 (YIN, 60..500 Hz, every 10 ms, medians of five) over frames "
        f"voiced in the original, at least {FEWEST_FRAMES}; in the coded signal the best guess counts, "
        "voiced or not",
        prepare=_prepare,
    )


def _prepare() -> Measure:
    return _measure


def _measure(pair: Pair) -> float:
    pair = pair.at(SPEECH_RATE)
    reference, coded = (track_pitch(signal, SPEECH_RATE) for signal in (pair.reference, pair.coded))
    n_voiced = np.count_nonzero(reference.voiced)
    if n_voiced < FEWEST_FRAMES:
        raise InvalidAudioError(
            f"{n_voiced} frames of the original are voiced, and fewer than {FEWEST_FRAMES} tell nothing; "
            "leave it out of this metric"
        )
    logs = np.log([track.hz[reference.voiced] for track in (reference, coded)])
    if logs.std(axis=1).min() == 0:
        raise InvalidAudioError("the pitch does not move and has no correlation; leave the item out")
    return float(np.corrcoef(logs)[0, 1])
