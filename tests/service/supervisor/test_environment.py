"""Workers get one thread and an allocator that keeps memory."""

import subprocess
import sys

import pytest

from service.supervisor import environment
from service.supervisor.environment import worker_environment


def test_one_thread_and_everything_else_as_it_was() -> None:
    made = worker_environment({"PATH": "/bin", "OMP_NUM_THREADS": "8"})
    assert (made["PATH"], made["OMP_NUM_THREADS"], made["MKL_NUM_THREADS"]) == ("/bin", "1", "1")
    assert int(made["MALLOC_TRIM_THRESHOLD_"]) > 2**20


def test_the_first_allocator_that_the_system_has_is_preloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {"tcmalloc_minimal": "libtcmalloc_minimal.so.4"}
    monkeypatch.setattr(environment, "find_library", there.get)
    assert worker_environment({})["LD_PRELOAD"] == "libtcmalloc_minimal.so.4"
    assert worker_environment({"LD_PRELOAD": "mine.so"})["LD_PRELOAD"] == "mine.so"
    monkeypatch.setattr(environment, "find_library", lambda name: None)
    assert "LD_PRELOAD" not in worker_environment({})


def test_a_process_starts_in_it_without_complaint() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", "print('well')"], env=worker_environment({}), capture_output=True, check=True
    )
    assert (ran.stdout, ran.stderr) == (b"well\n", b"")
