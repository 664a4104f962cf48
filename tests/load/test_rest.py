"""Locust without its page: a short load, no failure, and the files that it leaves."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import REPOSITORY_ROOT, shared_dir


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_short_load_has_no_failure_and_leaves_its_figures(tmp_path: Path) -> None:
    shared_dir()
    command = [
        sys.executable,
        "-m",
        "tests.load.rest",
        "--quick",
        "--workers",
        "1",
        "--csv",
        str(tmp_path / "rest"),
    ]
    done = subprocess.run(command, cwd=REPOSITORY_ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    (stats,) = tmp_path.rglob("*_stats.csv")
    with stats.open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert sum(int(line["Request Count"]) for line in lines) > 0
    assert not any(int(line["Failure Count"]) for line in lines)
