"""One recording through every codec and every metric."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from codec.audio import read_audio
from codec.errors import CodecError, InvalidAudioError
from codec.tokens import Codes
from training.evaluation.clips import Clip
from training.evaluation.coders.coder import Coded, Coder, Recording
from training.evaluation.metrics.metric import Measure, Metric, Pair

COST_NAMES = ("payload_bps", "file_bps", "encode_rtf", "decode_rtf", "lag_samples")
"""Columns that are measured of every coded recording before any metric."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do with every recording.

    `coders`: those of the model under test come first; `sample_rate`: that of the model, at which all is
    compared.
    """

    coders: tuple[Coder, ...]
    metrics: tuple[Metric, ...]
    sample_rate: int


@dataclass(frozen=True, slots=True)
class Score:
    """Values of one recording out of one codec, by the names of `COST_NAMES` and of the metrics."""

    clip: str
    coder: str
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Failure:
    """What did not work: `step` is `reading`, `coding` or the name of a metric."""

    clip: str
    coder: str
    step: str
    reason: str


@dataclass(frozen=True, eq=False)
class Verdict:
    """All about one recording; `codes`: those of the model at its largest n_q, None if it failed."""

    clip: str
    seconds: float
    scores: tuple[Score, ...] = ()
    failures: tuple[Failure, ...] = ()
    codes: Codes | None = None


def judge(plan: Plan, clip: Clip) -> Verdict:
    """Code and score one recording; whatever fails is told and stops nothing else."""
    try:
        samples = read_audio(clip.path, plan.sample_rate).samples[0]
    except (CodecError, OSError) as error:
        return Verdict(clip.name, 0.0, failures=(Failure(clip.name, "", "reading", str(error)),))
    recording = Recording(clip.path, samples, plan.sample_rate)
    scores: list[Score] = []
    failures: list[Failure] = []
    codes: Codes | None = None
    for coder in plan.coders:
        try:
            coded = coder.code(recording)
            _check_length(coded, recording)
        except (CodecError, OSError) as error:
            failures.append(Failure(clip.name, coder.label, "coding", str(error)))
            continue
        values = dict(zip(COST_NAMES, _costs(coded, recording), strict=True))
        for name, value in _measured(plan, recording, coded):
            if isinstance(value, str):
                failures.append(Failure(clip.name, coder.label, name, value))
            else:
                values[name] = value
        scores.append(Score(clip.name, coder.label, values))
        ours = coder.family == plan.coders[0].family
        if ours and coded.codes is not None and (codes is None or len(coded.codes) > len(codes)):
            codes = coded.codes
    return Verdict(clip.name, recording.seconds, tuple(scores), tuple(failures), codes)


def _costs(coded: Coded, recording: Recording) -> tuple[float, ...]:
    """In the order of `COST_NAMES`."""
    seconds = recording.seconds
    return (
        coded.payload_bits / seconds,
        8 * coded.file_bytes / seconds,
        coded.encode_s / seconds,
        coded.decode_s / seconds,
        coded.lag_samples,
    )


def _measured(plan: Plan, recording: Recording, coded: Coded) -> Iterator[tuple[str, float | str]]:
    """Name and value of every metric, or why it has none."""
    pair = Pair(recording.samples, coded.audio, recording.sample_rate)
    for metric in plan.metrics:
        try:
            value = _prepared(metric)(pair)
        except InvalidAudioError as error:
            yield metric.name, str(error)
            continue
        yield metric.name, value if np.isfinite(value) else f"the value is {value}; listen to the pair"


@lru_cache
def _prepared(metric: Metric) -> Measure:
    """Recognisers and filters are made once per process, not per recording."""
    return metric.prepare()


def _check_length(coded: Coded, recording: Recording) -> None:
    if len(coded.audio) != len(recording.samples):
        raise InvalidAudioError(
            f"{len(recording.samples)} samples went in and {len(coded.audio)} came out; "
            "metrics need aligned signals"
        )
