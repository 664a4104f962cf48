"""What a probe found: as Markdown for people and as JSON."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from training.evaluation.interval import CONFIDENCE, RESAMPLES, Mean
from training.markdown_table import markdown_table
from training.probe.corpus import Skipped
from training.probe.utterance import InputName

MARKDOWN_NAME, JSON_NAME = "probe.md", "probe.json"
SCHEMA_VERSION = 1

TASK = """\
The task: tell which of 39 English phones, or silence, sounds in each frame of the codec. Error rates are \
shares of the frames with a phone. Labels are automatic where no label files are given: words recognised by \
pocketsphinx in the original (US English), then aligned. So part of every error is theirs, and what counts \
is the difference between the inputs. Expect little of it for other languages, accents or noise."""

_METHOD = """\
The network (residual convolutions over 61 frames) and its training are the same for every \
input; only its first layer differs, which for indices is a table for each codebook. Training stops when the \
error on held-out recordings of the training data no longer falls; the best weights are then judged once on \
the test recordings. Errors are means over test recordings with 95 % percentile bootstrap intervals over \
recordings; the difference is paired. They tell nothing of how another seed would have come out."""

_COLUMNS = (
    *("input", "numbers a frame", "parameters", "epochs", "training, s"),
    *("held-out error, %", "test error, %", "more than log-mel, points"),
)


@dataclass(frozen=True, slots=True)
class Result:
    """One input. `numbers`: in a frame; `difference`: to log-mel; `rates`: error rate by recording."""

    input: InputName
    numbers: int
    parameters: int
    epochs: int
    seconds: float
    held_out_error: float
    error: Mean
    difference: Mean
    rates: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """All of it. `chance`: the error of whoever always says the commonest phone."""

    model: str
    version: str
    n_q: int
    bitrate_bps: float
    frame_rate_hz: float
    data: str
    test: str
    selection: str
    train_recordings: int
    held_out_recordings: int
    test_recordings: int
    data_seconds: float
    test_seconds: float
    seed: int
    chance: Mean
    results: tuple[Result, ...]
    skipped: tuple[Skipped, ...]


def to_markdown(report: ProbeReport) -> str:
    """The report as one document."""
    return "\n".join([*_head(report), *_table(report), TASK, "", _METHOD, *_skipped(report)]) + "\n"


def write_report(report: ProbeReport, out: Path) -> None:
    """Write Markdown and JSON to the folder `out`."""
    out.mkdir(parents=True, exist_ok=True)
    content = {
        "schema_version": SCHEMA_VERSION,
        "task": TASK,
        **asdict(report),
        "interval": {"method": "percentile bootstrap", "resamples": RESAMPLES, "confidence": CONFIDENCE},
    }
    (out / JSON_NAME).write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    (out / MARKDOWN_NAME).write_text(to_markdown(report), encoding="utf-8")


def _head(report: ProbeReport) -> Iterator[str]:
    selected = f" ({report.selection})" if report.selection else ""
    yield f"# Phones heard in {report.model} {report.version}, n_q {report.n_q}"
    yield ""
    yield f"{report.bitrate_bps / 1000:.2f} kbit/s, {report.frame_rate_hz:g} frames a second."
    yield f"Learnt from {report.train_recordings} recordings of {report.data}{selected}, "
    yield f"{report.held_out_recordings} more held out, {report.data_seconds / 60:.1f} min in all;"
    yield f"tested on {report.test_recordings} of {report.test}, {report.test_seconds / 60:.1f} min. "
    yield f"Seed {report.seed}."
    yield ""


def _table(report: ProbeReport) -> list[str]:
    rows = [
        (
            *(result.input, result.numbers, result.parameters, result.epochs, f"{result.seconds:.0f}"),
            *(f"{100 * result.held_out_error:.1f}", _percent(result.error)),
            "-" if result.input == "log-mel" else _percent(result.difference),
        )
        for result in report.results
    ]
    chance = ("commonest phone", "-", "-", "-", "-", "-", _percent(report.chance), "-")
    return [*markdown_table(_COLUMNS, [*rows, chance]), ""]


def _skipped(report: ProbeReport) -> Iterator[str]:
    if report.skipped:
        yield ""
        yield f"**{len(report.skipped)} recordings left out**:"
        yield ""
    for item in report.skipped:
        yield f"- {item.name}: {item.reason}"


def _percent(mean: Mean) -> str:
    text = f"{100 * mean.mean:.1f}"
    if mean.low is None or mean.high is None:
        return text
    return f"{text} ({100 * mean.low:.1f} to {100 * mean.high:.1f})"
