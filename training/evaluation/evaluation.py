"""A whole evaluation, from a model's name to a folder with a report."""

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from codec.checkpoint import LoadedCodec
from codec.errors import ConfigError, InvalidRequestError
from training.evaluation.candidates import Candidate, open_candidates
from training.evaluation.clips import Clip, find_clips
from training.evaluation.codebook_use import CodebookUse, codebook_use
from training.evaluation.coders.baselines import Baselines, choose_baselines
from training.evaluation.coders.model_coder import ModelCoder
from training.evaluation.judging import Plan, Verdict
from training.evaluation.markdown import to_markdown
from training.evaluation.memory import peak_memory_bytes
from training.evaluation.metrics.suite import choose_metrics
from training.evaluation.plot import write_plots
from training.evaluation.pool import judge_all
from training.evaluation.report import Circumstances, Report, summarise, write_json, write_scores
from training.evaluation.report_folder import JSON_NAME, MARKDOWN_NAME, SCORES_NAME
from training.visqol.settings import Generation

_PACKAGES = ("torch", "pesq", "pystoi", "pocketsphinx")


@dataclass(frozen=True, slots=True)
class Request:
    """What to evaluate. `n_q`, `metrics`: None for all; the rest as `codecd eval --help` says.

    `model`: also a run or its checkpoint; `beside`: other such models for the same tables.
    """

    model: str
    repository: Path
    data: Path
    out: Path
    n_q: tuple[int, ...] | None = None
    beside: tuple[str, ...] = ()
    baselines: tuple[str, ...] = ()
    select: tuple[str, ...] = ()
    every: int = 1
    metrics: tuple[str, ...] | None = None
    visqol_generation: Generation = "v333"
    visqol_svr: Path | None = None
    workers: int = 1


def evaluate(request: Request) -> Report:
    """Evaluate a model and write the report, its plots and all values to the folder `request.out`.

    Raises `ConfigError` if no metric can be computed, `InvalidRequestError` for no worker, and what
    `open_candidates`, `find_clips`, `choose_metrics` and `choose_baselines` raise, all before any recording
    is coded. What fails on single recordings is in the report.
    """
    if request.workers < 1:
        raise InvalidRequestError(f"{request.workers} workers cannot work; give 1 or more")
    with open_candidates((request.model, *request.beside), request.repository) as models:
        return _evaluated(request, models)


def _evaluated(request: Request, models: Sequence[Candidate]) -> Report:
    tested, ours = models[0], models[0].coders(request.n_q)
    clips = find_clips(request.data, request.select, request.every)
    suite = choose_metrics(request.metrics, request.visqol_generation, request.visqol_svr)
    if not suite.metrics:
        raise ConfigError(f"no metric can be computed: {'; '.join(gone.reason for gone in suite.absent)}")
    baselines = choose_baselines(request.baselines)
    beside = [coder for model in models[1:] for coder in model.coders_beside(request.n_q)]
    plan = Plan((*ours, *beside, *baselines.coders), suite.metrics, tested.loaded.codec.config.sample_rate)
    request.out.mkdir(parents=True, exist_ok=True)
    verdicts = judge_all(plan, clips, request.workers)
    report = Report(
        circumstances=_circumstances(request, models, baselines, _memory(ours[-1], plan, clips, verdicts)),
        plan=plan,
        n_clips=len(clips),
        seconds=sum(verdict.seconds for verdict in verdicts),
        summaries=summarise(plan, verdicts),
        codebooks=_codebooks(verdicts, tested.loaded),
        failures=tuple(failure for verdict in verdicts for failure in verdict.failures),
        absent=(*(f"{gone.title}: {gone.reason}" for gone in suite.absent), *baselines.absent),
    )
    _write(report, verdicts, request.out)
    return report


def _memory(coder: ModelCoder, plan: Plan, clips: Sequence[Clip], verdicts: Sequence[Verdict]) -> int | None:
    """Peak memory of coding the longest recording that can be coded, None if none can."""
    coded = [
        (verdict.seconds, clip.path)
        for verdict, clip in zip(verdicts, clips, strict=True)
        if verdict.codes is not None
    ]
    return peak_memory_bytes(coder, max(coded)[1], plan.sample_rate) if coded else None


def _codebooks(verdicts: Sequence[Verdict], loaded: LoadedCodec) -> tuple[CodebookUse, ...]:
    codes = [verdict.codes for verdict in verdicts if verdict.codes is not None]
    most = max((len(item) for item in codes), default=0)
    complete = [item for item in codes if len(item) == most]
    return codebook_use(complete, loaded.token_format.codebook_size) if complete else ()


def _circumstances(
    request: Request, models: Sequence[Candidate], baselines: Baselines, memory: int | None
) -> Circumstances:
    chosen = [*request.select, *([f"every {request.every}th"] if request.every > 1 else [])]
    return Circumstances(
        model=models[0].name,
        version=models[0].version,
        weights_sha256=models[0].weights_sha256,
        beside=tuple(f"{model.name} {model.version}" for model in models[1:]),
        data=request.data.name,
        selection=", ".join(chosen),
        workers=request.workers,
        finished=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        versions={
            "codecd": version("codecd"),
            "Python": platform.python_version(),
            **{name: version(name) for name in _PACKAGES if find_spec(name)},
            **baselines.versions,
        },
        peak_memory_bytes=memory,
    )


def _write(report: Report, verdicts: Sequence[Verdict], out: Path) -> None:
    write_scores(out / SCORES_NAME, report.plan, [score for verdict in verdicts for score in verdict.scores])
    write_plots(report, out)
    (out / MARKDOWN_NAME).write_text(to_markdown(report), encoding="utf-8")
    write_json(out / JSON_NAME, report)
