"""ViSQOL of the clean validation clips, coded by a model and by Opus: one table.

    python -m tests.bench.visqol_quality --model stream_16k --every 4

Speech mode with the scaled exponential, and audio mode with the regression on the same 16 kHz signals, which
is what the tables of the FunCodec paper seem to hold; both of generation v333. Pairs without a score are
listed, not averaged in.
"""

import argparse
import multiprocessing
import os
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import repeat
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from codec.audio import read_audio
from codec.checkpoint import LoadedCodec, open_codec
from codec.errors import InvalidAudioError
from tests.bench.options import make_parser
from tests.bench.quality import N_Q, OPUS_BPS, RATE, Signal, clean_clips, opus
from tests.bench.tables import show, table
from tests.support import shared_dir
from training.visqol import visqol

COLUMNS = ("codec", "kbit/s", "speech, exponential scaled", "± 95 %", "audio, SVR", "± 95 %", "clips")


@dataclass(frozen=True, slots=True)
class Coded:
    """A clip out of a codec, and the bits that it took."""

    codec: str
    audio: Signal
    bits: int


@dataclass(frozen=True, slots=True)
class ClipScore:
    """Opinion scores of one clip out of one codec, or why there are none."""

    codec: str
    clip: str
    kbps: float
    speech: float
    audio: float
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Task:
    """What every process needs to know besides the clip."""

    model: str
    repository: Path
    svr_model: Path


def main() -> None:
    """Run the evaluation and write the table."""
    arguments = _arguments()
    task = Task(arguments.model, arguments.repository, arguments.svr_model)
    clips = clean_clips()[:: arguments.every]
    scores: defaultdict[str, list[ClipScore]] = defaultdict(list)
    failures: list[ClipScore] = []
    for clip in tqdm(_results(task, clips, arguments.jobs), total=len(clips), disable=None):
        for score in clip:
            (failures if score.failure else scores[score.codec]).append(score)
    identity = _opened(task).identity
    title = f"ViSQOL v333 of {identity.model} {identity.version}, {len(clips)} clean validation clips"
    show(table(title, COLUMNS, [_row(name, found) for name, found in scores.items()]), arguments.out)
    for score in failures:
        show(f"no score: {score.codec}, {score.clip}: {score.failure}", arguments.out)
    sys.exit(1 if failures else 0)


def _arguments() -> argparse.Namespace:
    parser = make_parser(__doc__)
    parser.add_argument("--every", type=int, default=1, metavar="N", help="use every N-th clip")
    parser.add_argument("--jobs", type=int, default=1, help="processes (default: 1)")
    parser.add_argument("--svr-model", type=Path, help="regression file of audio mode (default: shared data)")
    arguments = parser.parse_args()
    if not arguments.svr_model:
        arguments.svr_model = shared_dir() / "visqol" / "libsvm_nu_svr_model.txt"
    return arguments


def _results(task: Task, clips: list[Path], jobs: int) -> Iterator[list[ClipScore]]:
    if jobs == 1:
        yield from map(_judge, repeat(task), clips)
        return
    # Libraries read these when they start; a forked process would keep the threads of this one.
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(_judge, repeat(task), clips)


def _judge(task: Task, clip: Path) -> list[ClipScore]:
    original = read_audio(clip, RATE).samples[0]
    return [_score(task, clip, original, coded) for coded in _coded(task, original)]


def _score(task: Task, clip: Path, original: Signal, coded: Coded) -> ClipScore:
    kbps = coded.bits / len(original) * RATE / 1000
    try:
        speech = visqol(original, coded.audio, RATE)
        audio = visqol(original, coded.audio, RATE, "audio", svr_model=task.svr_model)
    except InvalidAudioError as error:
        return ClipScore(coded.codec, clip.name, kbps, np.nan, np.nan, str(error))
    return ClipScore(coded.codec, clip.name, kbps, speech.mos, audio.mos)


def _coded(task: Task, signal: Signal) -> Iterator[Coded]:
    codec = _opened(task).codec
    # The codes of few codebooks are the first ones of many.
    codes = codec.encode(torch.from_numpy(signal)[None, None], max(N_Q)).codes
    for n_q in N_Q:
        bits = codes.shape[-1] * n_q * codec.config.quantizer.bits_per_code
        yield Coded(f"n_q {n_q}", codec.decode(codes[:, :n_q], len(signal))[0, 0].numpy(), bits)
    for bps in OPUS_BPS:
        yield Coded(f"Opus {bps // 1000}k", *opus(signal, bps))


@cache
def _opened(task: Task) -> LoadedCodec:
    torch.set_num_threads(1)
    return open_codec(task.model, task.repository)


def _row(name: str, scores: list[ClipScore]) -> list[object]:
    kbps = np.mean([score.kbps for score in scores])
    judged = [*_mean(score.speech for score in scores), *_mean(score.audio for score in scores)]
    return [name, f"{kbps:.2f}", *(f"{value:.3f}" for value in judged), len(scores)]


def _mean(values: Iterable[float]) -> tuple[float, float]:
    """Mean, and half the width of its confidence interval over the clips."""
    found = np.array(list(values))
    spread = found.std(ddof=1) if len(found) > 1 else np.nan
    return float(found.mean()), float(1.96 * spread / np.sqrt(len(found)))


if __name__ == "__main__":
    main()
