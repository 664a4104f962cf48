"""All metrics of the report, in the order of its columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from codec.errors import ConfigError, InvalidRequestError
from training.evaluation.metrics.intelligibility import estoi, stoi
from training.evaluation.metrics.level_error import level_error
from training.evaluation.metrics.mel_distance import mel_distance
from training.evaluation.metrics.metric import Metric
from training.evaluation.metrics.pesq_wb import pesq_wb
from training.evaluation.metrics.phone_error import phone_error_rate
from training.evaluation.metrics.pitch_correlation import pitch_correlation
from training.evaluation.metrics.si_sdr import si_sdr
from training.evaluation.metrics.stft_distance import stft_distance
from training.evaluation.metrics.visqol_score import visqol_audio, visqol_speech
from training.visqol.settings import Generation


@dataclass(frozen=True, slots=True)
class Absent:
    """A metric that cannot be computed here, and why."""

    title: str
    reason: str


@dataclass(frozen=True, slots=True)
class Suite:
    """The metrics to compute, and those that had to be left out."""

    metrics: tuple[Metric, ...]
    absent: tuple[Absent, ...]


def choose_metrics(
    wanted: Sequence[str] | None = None,
    generation: Generation = "v333",
    svr_model: Path | None = None,
) -> Suite:
    """The metrics that run here, of those whose names begin with one of `wanted`, or of all.

    `generation` and `svr_model` are ViSQOL's. Raises `InvalidRequestError` for a name that no metric has.
    """
    known = (
        visqol_speech(generation),
        visqol_audio(generation, svr_model),
        pesq_wb(),
        stoi(),
        estoi(),
        si_sdr(),
        mel_distance(),
        stft_distance(),
        phone_error_rate(),
        level_error(),
        pitch_correlation(),
    )
    for prefix in wanted or ():
        if not any(metric.name.startswith(prefix) for metric in known):
            names = ", ".join(metric.name for metric in known)
            raise InvalidRequestError(f"no metric is called {prefix!r}; there are {names}")
    metrics, absent = [], []
    for metric in known:
        if wanted is not None and not metric.name.startswith(tuple(wanted)):
            continue
        try:
            metric.prepare()
        except ConfigError as error:
            absent.append(Absent(metric.title, str(error)))
        else:
            metrics.append(metric)
    return Suite(tuple(metrics), tuple(absent))
