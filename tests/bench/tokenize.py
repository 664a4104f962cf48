"""Bulk tokenizing beside one file at a time: hours of audio per hour, and per hour of a core.

    python -m tests.bench.tokenize                           400 training clips, 1 and all cores
    python -m tests.bench.tokenize --files 800 --processes 1,2,4

hours/hour         hours of audio per hour of the clock, from the start of the command to its end
hours/core hour    hours of audio per hour of processor time, of the command and all its processes: what one
                   core gives, also where the machine is busy with other things
ratio              of the latter to that of `codecd encode FILE OUT` for each file
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import soundfile

from tests.bench.options import make_parser
from tests.bench.tables import show, table
from tests.support import REPOSITORY_ROOT, shared_dir

COLUMNS = ("command", "files", "audio, h", "wall, s", "CPU, s", "hours/hour", "hours/core hour", "ratio")


@dataclass(frozen=True, slots=True)
class Cost:
    """What commands took: `hours` of audio, seconds of the clock and of processors."""

    files: int
    hours: float
    wall: float
    cpu: float

    @property
    def per_core_hour(self) -> float:
        """Hours of audio per hour of processor time."""
        return self.hours / (self.cpu / 3600)


def clips(count: int) -> list[Path]:
    """Training clips, evenly from all sources."""
    found = sorted((shared_dir() / "data" / "train").glob("*.flac"))
    return found[:: max(1, len(found) // count)][:count]


def cost_of(commands: list[list[str]], files: list[Path]) -> Cost:
    """Run commands one after the other."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    for command in commands:
        subprocess.run(
            [sys.executable, "-m", "codec.cli", *command],
            cwd=REPOSITORY_ROOT,
            check=True,
            stdout=subprocess.DEVNULL,
        )
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    hours = sum(soundfile.info(path).duration for path in files) / 3600
    return Cost(len(files), hours, wall, cpu)


def row(name: str, cost: Cost, alone: Cost) -> tuple[object, ...]:
    """One row of the table."""
    speed = cost.hours / (cost.wall / 3600)
    ratio = cost.per_core_hour / alone.per_core_hour
    return (name, cost.files, cost.hours, cost.wall, cost.cpu, speed, cost.per_core_hour, f"{ratio:.1f}x")


def main() -> int:
    """Measure and print the table."""
    parser = make_parser(__doc__)
    cores = len(os.sched_getaffinity(0))
    parser.add_argument("--files", type=int, default=400, help="clips (default %(default)s)")
    parser.add_argument("--one-by-one", type=int, default=12, help="of them one at a time (default 12)")
    parser.add_argument("--shard-items", type=int, default=50, help="default %(default)s")
    parser.add_argument("--processes", default=f"1,{cores}", metavar="N,...", help="default %(default)s")
    parser.add_argument("--formats", default="webdataset,parquet", help="default %(default)s")
    arguments = parser.parse_args()
    model = ["--model", arguments.model, "--repository", str(arguments.repository.absolute())]
    files = clips(arguments.files)
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        corpus = scratch / "corpus"
        corpus.mkdir()
        for path in files:
            (corpus / path.name).symlink_to(path)
        some = files[:: max(1, len(files) // arguments.one_by_one)][: arguments.one_by_one]
        alone = cost_of(
            [["encode", str(path), str(scratch / f"{path.stem}.cdc"), *model] for path in some], some
        )
        rows = [row("codecd encode FILE, for each", alone, alone)]
        cost = cost_of([["encode", str(corpus), str(scratch / "encoded"), *model]], files)
        rows.append(row("codecd encode DIR", cost, alone))
        for form in arguments.formats.split(","):
            for processes in arguments.processes.split(","):
                out = str(scratch / f"{form}-{processes}")
                options = ["--format", form, "--processes", processes]
                options += ["--shard-items", str(arguments.shard_items), *model]
                cost = cost_of([["tokenize", str(corpus), "--out", out, *options]], files)
                rows.append(row(f"codecd tokenize --processes {processes}, {form}", cost, alone))
    show(table("Bulk tokenizing", COLUMNS, rows), arguments.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
