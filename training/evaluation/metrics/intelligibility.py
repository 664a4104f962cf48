"""STOI and ESTOI: short-time objective intelligibility."""

import warnings
from functools import partial

from codec.errors import InvalidAudioError
from training.evaluation.metrics.metric import SPEECH_RATE, Measure, Metric, Pair, require


def stoi() -> Metric:
    """Short-time objective intelligibility."""
    return Metric(
        name="stoi",
        title="STOI",
        better="higher",
        about="short-time objective intelligibility (Taal et al. 2011) by the package pystoi, at most 1",
        prepare=partial(_prepare, extended=False),
    )


def estoi() -> Metric:
    """Extended short-time objective intelligibility, which also hears changes of modulation."""
    return Metric(
        name="estoi",
        title="ESTOI",
        better="higher",
        about="extended STOI (Jensen and Taal 2016) by the package pystoi, at most 1",
        prepare=partial(_prepare, extended=True),
    )


def _prepare(extended: bool) -> Measure:
    package = require("pystoi", "STOI")

    def measure(pair: Pair) -> float:
        pair = pair.at(SPEECH_RATE)
        with warnings.catch_warnings():
            # For too little speech the package warns and returns 0.00001, which would be averaged in.
            warnings.simplefilter("error", RuntimeWarning)
            try:
                return float(package.stoi(pair.reference, pair.coded, SPEECH_RATE, extended))
            except RuntimeWarning as warning:
                raise InvalidAudioError(
                    f"STOI gives no score ({warning}); it needs about 0.4 s of speech"
                ) from warning

    return measure
