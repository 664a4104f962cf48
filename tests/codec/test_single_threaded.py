"""What processes that start meanwhile see, and what is left of it."""

import os
import subprocess
import sys

import pytest

from codec.single_threaded import single_threaded


def test_processes_started_meanwhile_use_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    tell = "import os; print(os.environ['OMP_NUM_THREADS'], os.environ['MKL_NUM_THREADS'])"
    with single_threaded():
        assert subprocess.check_output([sys.executable, "-c", tell], text=True).split() == ["1", "1"]
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "MKL_NUM_THREADS" not in os.environ
