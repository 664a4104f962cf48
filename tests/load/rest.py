"""Locust against the REST API of a service of its own: rates, latencies, failures, wrong answers.

    python -m tests.load.rest --users 16 --seconds 60
    python -m tests.load.rest --users 8 --clips 1,2,5,15 --csv results/rest
    python -m tests.load.rest --host http://127.0.0.1:8000 --pacing 0.5
    python -m tests.load.rest --quick

Users ask in closed loops, clips of all lengths mixed: three encode to two decode to one reconstruct. Every
k-th answer is compared with what the library gives offline; a wrong one is a failure. `--csv` keeps the files
that locust writes.
"""

import csv
import shutil
import subprocess
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.bench.offline import Offline
from tests.bench.options import add_workers, make_parser
from tests.bench.running_service import RunningService
from tests.bench.tables import show, table
from tests.load.rest_requests import OPERATIONS, make_requests, save
from tests.support import REPOSITORY_ROOT

COLUMNS = (
    "requests", "number", "failed", "requests/s", "audio s/s served", "p50 ms", "p95 ms", "p99 ms", "max ms",
)  # fmt: skip
FAILURE_COLUMNS = ("request", "failure", "times")

_VOICES = 3
_PATIENCE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Line:
    """A line of locust's statistics; `seconds` of audio in each request, 0 for the sum of all."""

    name: str
    seconds: float
    requests: int
    failures: int
    per_second: float
    cells: tuple[str, ...]

    @classmethod
    def parse(cls, row: dict[str, str]) -> "Line":
        """Of `…_stats.csv`."""
        words = row["Name"].split()
        seconds = float(words[1]) if words[0] in OPERATIONS else 0.0
        cells = (row["50%"], row["95%"], row["99%"], f"{float(row['Max Response Time']):.0f}")
        requests, failures = int(row["Request Count"]), int(row["Failure Count"])
        return cls(row["Name"], seconds, requests, failures, float(row["Requests/s"]), cells)

    @property
    def audio_per_second(self) -> float:
        """Audio seconds a second, of answers that were right."""
        return self.seconds * self.per_second * (1 - self.failures / max(1, self.requests))


def rows(path: Path) -> list[list[object]]:
    """The lines of a table out of locust's statistics."""
    lines = [Line.parse(row) for row in _read(path)]
    audio = sum(line.audio_per_second for line in lines)
    found: list[list[object]] = []
    for line in lines:
        served = line.audio_per_second if line.seconds else audio
        found.append([
            line.name, line.requests, line.failures, f"{line.per_second:.1f}", f"{served:.0f}", *line.cells
        ])  # fmt: skip
    return found


def run_locust(host: str, requests: Path, prefix: Path, arguments: Namespace) -> float:
    """Run it to its end; the cores that it used. Raises `RuntimeError` if it could not run."""
    command = [
        *(sys.executable, "-m", "locust", "-f", "tests/load/locustfile.py", "--headless", "--only-summary"),
        *("--host", host, "--users", str(arguments.users), "--spawn-rate", str(arguments.users)),
        *("--run-time", f"{arguments.seconds:g}s", "--stop-timeout", "10", "--exit-code-on-error", "0"),
        *("--csv", str(prefix), "--csv-full-history", "--requests", str(requests)),
        *("--check-every", str(arguments.check_every), "--pacing", str(arguments.pacing)),
    ]
    before = psutil.Process().cpu_times()
    limit = arguments.seconds + _PATIENCE_SECONDS
    done = subprocess.run(
        command, cwd=REPOSITORY_ROOT, capture_output=True, text=True, timeout=limit, check=False
    )
    if done.returncode:
        raise RuntimeError(f"locust failed:\n{done.stderr[-3000:]}")
    after = psutil.Process().cpu_times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return float(used) / float(arguments.seconds)


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _parser() -> ArgumentParser:
    parser = make_parser(__doc__)
    add_workers(parser)
    parser.add_argument("--host", metavar="URL", help="a running service (default: start one)")
    parser.add_argument("--users", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--clips", default="1,2,5,15,30", metavar="S,S", help="lengths, evenly mixed")
    parser.add_argument("--pacing", type=float, default=0.0, help="seconds between requests of a user")
    parser.add_argument("--check-every", type=int, default=5, metavar="K", help="compare every K-th answer")
    parser.add_argument("--n-q", type=int, default=8)
    parser.add_argument("--csv", type=Path, metavar="PREFIX", help="keep locust's files")
    parser.add_argument("--quick", action="store_true", help="few users, a few seconds: does it run?")
    return parser


def main() -> int:
    """Run locust and write the tables; the exit status is 1 if an answer was wrong or missing."""
    arguments = _parser().parse_args()
    if arguments.quick:
        arguments.users, arguments.seconds, arguments.clips, arguments.check_every = 3, 4.0, "1,2", 2
    offline = Offline.open(arguments.repository, arguments.model)
    lengths = [float(length) for length in arguments.clips.split(",")]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="codecd-load-")))
        save(make_requests(offline, lengths, _VOICES, arguments.n_q), folder / "requests.npz")
        host = arguments.host
        if host is None:
            service = RunningService(arguments.repository, arguments.model, arguments.workers)
            host = stack.enter_context(service).base_url
        cores = run_locust(host, folder / "requests.npz", folder / "rest", arguments)
        lines = rows(folder / "rest_stats.csv")
        failures = [
            [row["Name"], row["Error"], row["Occurrences"]] for row in _read(folder / "rest_failures.csv")
        ]
        if arguments.csv:
            arguments.csv.parent.mkdir(parents=True, exist_ok=True)
            for file in folder.glob("rest_*.csv"):
                shutil.copy(file, f"{arguments.csv}{file.name.removeprefix('rest')}")
    title = (
        f"REST under locust, {arguments.users} users, {arguments.seconds:g} s, clips of {arguments.clips} s, "
        f"{arguments.model} {offline.version}; one answer in {arguments.check_every} compared; "
        f"locust took {cores:.2f} cores"
    )
    text = table(title, COLUMNS, lines)
    if failures:
        text += "\n" + table("Failures", FAILURE_COLUMNS, failures)
    show(text, arguments.out)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
