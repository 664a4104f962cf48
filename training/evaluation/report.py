"""The report: what was found out, as data and as JSON and CSV."""

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from training.evaluation.codebook_use import CodebookUse
from training.evaluation.interval import CONFIDENCE, RESAMPLES, Mean, bootstrap_mean
from training.evaluation.judging import COST_NAMES, Failure, Plan, Score, Verdict

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What was evaluated, on what, and how; `beside`: other models in the same tables, with versions."""

    model: str
    version: str
    weights_sha256: str
    beside: tuple[str, ...]
    data: str
    selection: str
    workers: int
    finished: str
    versions: dict[str, str]
    peak_memory_bytes: int | None


@dataclass(frozen=True, slots=True)
class CoderSummary:
    """One codec at one setting: means by the names of `COST_NAMES` and of the metrics."""

    label: str
    family: str
    means: dict[str, Mean]


@dataclass(frozen=True, slots=True)
class Report:
    """All of it. `absent`: metrics and codecs that were left out, and why."""

    circumstances: Circumstances
    plan: Plan
    n_clips: int
    seconds: float
    summaries: tuple[CoderSummary, ...]
    codebooks: tuple[CodebookUse, ...]
    failures: tuple[Failure, ...]
    absent: tuple[str, ...]


def summarise(plan: Plan, verdicts: Sequence[Verdict]) -> tuple[CoderSummary, ...]:
    """Means over the recordings that have a value; a codec or metric without any has no mean."""
    summaries = []
    for coder in plan.coders:
        scores = [score for verdict in verdicts for score in verdict.scores if score.coder == coder.label]
        means = {}
        for name in value_names(plan):
            values = [score.values[name] for score in scores if name in score.values]
            if values:
                means[name] = bootstrap_mean(values)
        summaries.append(CoderSummary(coder.label, coder.family, means))
    return tuple(summaries)


def value_names(plan: Plan) -> tuple[str, ...]:
    """Columns of all values."""
    return (*COST_NAMES, *(metric.name for metric in plan.metrics))


def write_scores(path: Path, plan: Plan, scores: Sequence[Score]) -> None:
    """One row for every recording and codec; a value that could not be had is left empty."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ("file", "codec", *value_names(plan)))
        writer.writeheader()
        for score in scores:
            writer.writerow({"file": score.clip, "codec": score.coder, **score.values})


def write_json(path: Path, report: Report) -> None:
    """All of the report but the values of single recordings."""
    content: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        **asdict(report.circumstances),
        "files": report.n_clips,
        "seconds": report.seconds,
        "sample_rate": report.plan.sample_rate,
        "interval": {"method": "percentile bootstrap", "resamples": RESAMPLES, "confidence": CONFIDENCE},
        "metrics": {
            metric.name: {"title": metric.title, "better": metric.better, "about": metric.about}
            for metric in report.plan.metrics
        },
        "codecs": [asdict(summary) for summary in report.summaries],
        "codebooks": [asdict(use) | {"perplexity": use.perplexity} for use in report.codebooks],
        "failures": [asdict(failure) for failure in report.failures],
        "absent": list(report.absent),
    }
    path.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")
