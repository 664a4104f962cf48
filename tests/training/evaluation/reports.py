"""A report with a bit of everything, made of numbers."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from training.evaluation.codebook_use import codebook_use
from training.evaluation.coders.codec2 import Codec2Coder
from training.evaluation.coders.coder import Coder
from training.evaluation.coders.model_coder import ModelCoder
from training.evaluation.coders.opus import OpusCoder
from training.evaluation.judging import COST_NAMES, Failure, Plan, Score, Verdict
from training.evaluation.metrics.level_error import level_error
from training.evaluation.metrics.si_sdr import si_sdr
from training.evaluation.report import Circumstances, Report, summarise

CODERS: tuple[Coder, ...] = (
    ModelCoder("ours", "ours", Path("models"), 2),
    ModelCoder("ours", "ours", Path("models"), 8),
    OpusCoder(6_000),
    Codec2Coder(1200),
)
PLAN = Plan(CODERS, (si_sdr(), level_error()), 16_000)


def made_verdicts() -> list[Verdict]:
    """Three recordings: the second has no SI-SDR out of Opus, and none could be coded by Codec 2."""
    verdicts = []
    for number in range(3):
        scores = []
        for rank, coder in enumerate(CODERS[:3]):
            costs = dict(zip(COST_NAMES, (1000.0 * (rank + 1), 1500.0, 0.01, 0.02, rank), strict=True))
            quality = {"si_sdr_db": rank + number, "level_error_db": 0.5}
            scores.append(Score(f"{number}.wav", coder.label, costs | quality))
        failures = [Failure(f"{number}.wav", CODERS[3].label, "coding", "c2enc failed: a | b\nc")]
        if number == 1:
            failures.append(Failure("1.wav", CODERS[2].label, "si_sdr_db", "infinite"))
            values = {name: value for name, value in scores[2].values.items() if name != "si_sdr_db"}
            scores[2] = replace(scores[2], values=values)
        codes = np.full((8, 50), number, np.uint16)
        verdicts.append(Verdict(f"{number}.wav", 2.0, tuple(scores), tuple(failures), codes))
    return verdicts


def made_report() -> Report:
    """The report of `made_verdicts`."""
    verdicts = made_verdicts()
    return Report(
        circumstances=Circumstances(
            model="ours",
            version="3-0123456789ab",
            weights_sha256="0" * 64,
            beside=("theirs 1-ba9876543210",),
            data="valid.csv",
            selection="kind=clean",
            workers=2,
            finished="2026-01-01 12:00 UTC",
            versions={"torch": "9.9"},
            peak_memory_bytes=300 * 2**20,
        ),
        plan=PLAN,
        n_clips=3,
        seconds=6.0,
        summaries=summarise(PLAN, verdicts),
        codebooks=codebook_use([verdict.codes for verdict in verdicts if verdict.codes is not None], 4),
        failures=tuple(failure for verdict in verdicts for failure in verdict.failures),
        absent=("PESQ-wb: needs the package pesq",),
    )
