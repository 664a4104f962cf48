"""How fast recipes train, and where the time goes.

    python -m tests.bench.training_speed --recipe encodec_16k --recipe stream_16k --items 2 --steps 3

Steps on real speech of the shared data, all phases in use: quantized, codebooks drawn as the recipe says, and
discriminators that learn at each step. Each recipe runs without discriminators, with its own, and with the
full one (multi-scale STFT at published widths, hearing every item) where that is another. The profile is of
the full one. Medians; the first steps, with the codebooks' start, are not counted.
"""

import csv
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from codec.model_config import load_model_config
from tests.bench.options import make_parser
from tests.bench.tables import show, table
from tests.bench.training_profile import StepProfile, profile_steps
from tests.support import shared_dir
from training.data import TrainingAudio, open_audio
from training.fit import check_fit, crop_samples_of
from training.passes import random_codec
from training.ranks import joined
from training.recipe import Recipe, load_recipe
from training.trainer import Trainer

SPEED_COLUMNS = ("recipe", "discriminators", "batch", "s per step", "audio-s per s", "spread")
PHASE_COLUMNS = ("phase", "forward, ms", "backward, ms", "share")
OPERATOR_COLUMNS = ("operator", "calls per step", "ms per step", "share")

_WARM_STEPS = 2
_CLIPS = 60
_FULL = ("discriminator.kinds=[{kind: stft}]", "discriminator.items=null")
_QUICK_START = ("codebooks.start_step=0", "codebooks.start_vectors=1024", "codebooks.kmeans_iterations=1")


@dataclass(frozen=True, slots=True)
class Case:
    """A recipe with some discriminators; `full`: the one that is profiled."""

    name: str
    discriminators: str
    recipe: Recipe
    full: bool


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds of each counted step, the audio in it, and the profile if one was asked for."""

    seconds: list[float]
    audio_seconds: float
    profile: StepProfile | None


def cases_of(name: str, common: list[str]) -> list[Case]:
    """The recipe without, with its own, and with full discriminators."""
    judged = [*common, "discriminator.start_step=0", "discriminator.gated=false"]
    own = load_recipe(name, judged)
    full = load_recipe(name, [*judged, *_FULL])
    cases = [Case(name, "none", load_recipe(name, [*common, "discriminator=null"]), False)]
    if own != full:
        cases.append(Case(name, "the recipe's", own, False))
    return [*cases, Case(name, "full", full, True)]


def measure(case: Case, steps: int, profiled_steps: int, threads: int) -> Measured:
    """Train for some steps with a clock, then watch some more."""
    torch.set_num_threads(threads)
    with _trainer(case.recipe) as trainer:
        for _ in range(_WARM_STEPS):
            trainer.advance()
        seconds = [_clocked(trainer) for _ in range(steps)]
        watched = profile_steps(trainer, profiled_steps) if case.full and profiled_steps else None
        audio_seconds = case.recipe.data.batch_items * trainer.data.crop_samples
        return Measured(seconds, audio_seconds / trainer.codec.config.sample_rate, watched)


def _clocked(trainer: Trainer) -> float:
    began = time.perf_counter()
    trainer.advance()
    if trainer.ranks.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began


@contextmanager
def _trainer(recipe: Recipe) -> Iterator[Trainer]:
    assert recipe.model is not None
    assert recipe.data.train is not None
    config = load_model_config(recipe.model)
    check_fit(recipe, config)
    with joined(recipe.device) as ranks:
        store = open_audio(recipe.data.train, None, recipe.data, config)
        data = TrainingAudio(store, recipe.data, crop_samples_of(recipe, config), recipe.seed)
        torch.manual_seed(recipe.seed)
        trainer = Trainer(recipe, random_codec(config), data, ranks)
        trainer.start()
        try:
            yield trainer
        finally:
            trainer.close()


def speed_row(case: Case, measured: Measured) -> list[object]:
    """A line of the table of speeds."""
    median = statistics.median(measured.seconds)
    data = case.recipe.data
    batch = f"{data.batch_items} x {data.crop_seconds:g} s"
    spread = f"{min(measured.seconds) / median:.2f}..{max(measured.seconds) / median:.2f}"
    speed = f"{measured.audio_seconds / median:.2f}"
    return [case.name, case.discriminators, batch, f"{median:.3f}", speed, spread]


def phase_rows(watched: StepProfile, steps: int) -> list[list[object]]:
    """Milliseconds per step of every phase."""
    rows: list[list[object]] = []
    for phase in watched.phases:
        share = (phase.forward_s + phase.backward_s) / watched.seconds
        times = (f"{1000 * part / steps:.1f}" for part in (phase.forward_s, phase.backward_s))
        rows.append([phase.name, *times, f"{share:.1%}"])
    return rows


def operator_rows(watched: StepProfile, steps: int, most: int = 12) -> list[list[object]]:
    """The operators that take longest by themselves."""
    return [
        [
            f"`{operator.name}`",
            operator.calls // steps,
            f"{1000 * operator.seconds / steps:.1f}",
            f"{operator.seconds / watched.seconds:.1%}",
        ]
        for operator in watched.operators[:most]
    ]


def _some_speech(folder: Path) -> Path:
    """A manifest of the first training clips: reading all would take longer than the steps."""
    data = shared_dir() / "data"
    with (data / "train.csv").open(newline="") as file:
        names = [row["file"] for row in csv.DictReader(file)][:_CLIPS]
    manifest = folder / "speech.csv"
    manifest.write_text("\n".join(["file", *(str(data / name) for name in names)]) + "\n")
    return manifest


def main() -> None:
    """Run the measurements and write the tables."""
    parser = make_parser(__doc__)
    parser.add_argument("--recipe", action="append", help="default: encodec_16k and stream_16k")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--items", type=int, default=2, help="crops of a batch (default 2)")
    parser.add_argument("--steps", type=int, default=3, help="steps with a clock (default 3)")
    parser.add_argument("--profiled-steps", type=int, default=1, help="steps watched (default 1; 0: none)")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default 1)")
    parser.add_argument("changes", nargs="*", metavar="key=value", help="further changes to the recipes")
    arguments = parser.parse_args()
    speeds, profiles = [], []
    with tempfile.TemporaryDirectory(prefix="codecd-bench-") as folder:
        place = [f"data.train={_some_speech(Path(folder))}", f"device={arguments.device}"]
        # Without workers: what other threads do would not be seen in the profile.
        batch = [f"data.batch_items={arguments.items}", "data.workers=0", "freeze_encoder_at=null"]
        common = [*place, *batch, *_QUICK_START]
        for name in arguments.recipe or ["encodec_16k", "stream_16k"]:
            for case in cases_of(name, [*common, *arguments.changes]):
                measured = measure(case, arguments.steps, arguments.profiled_steps, arguments.threads)
                speeds.append(speed_row(case, measured))
                if measured.profile:
                    profiles.append((name, measured.profile))
    title = f"Training speed, {arguments.steps} steps, load {os.getloadavg()[0]:.1f}"
    show(table(title, SPEED_COLUMNS, speeds), arguments.out)
    for name, watched in profiles:
        steps = arguments.profiled_steps
        show(table(f"{name}: phases", PHASE_COLUMNS, phase_rows(watched, steps)), arguments.out)
        show(table(f"{name}: operators", OPERATOR_COLUMNS, operator_rows(watched, steps)), arguments.out)


if __name__ == "__main__":
    main()
