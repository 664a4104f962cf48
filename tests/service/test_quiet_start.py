"""Imports give way, what follows does not."""

import subprocess
import sys
import threading
from pathlib import Path

from service.quiet_start import import_quietly, is_package

_PROBE = """
import os, sys, threading
def nice():
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
{imported}
if __name__ == "__main__":
    from {package} import heavy
    print(heavy.NICE - nice(), sys.argv[1:])
"""
_HEAVY = """
import os, threading
NICE = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
"""


def test_a_package_is_imported_with_low_priority_and_run_with_the_usual_one(tmp_path: Path) -> None:
    package = tmp_path / "probe"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "heavy.py").write_text(_HEAVY)
    (package / "__main__.py").write_text(_PROBE.format(package="probe", imported="from probe import heavy"))
    command = [sys.executable, "-m", "service.quiet_start", "probe", "--control-fd", "3"]
    result = subprocess.run(
        command, capture_output=True, text=True, timeout=30, check=True,
        env={"PYTHONPATH": f"{tmp_path}:{Path(__file__).parents[2]}"},
    )  # fmt: skip
    assert result.stdout.strip() == "5 ['--control-fd', '3']"
    assert result.stderr == ""


def test_only_the_importing_thread_is_slowed() -> None:
    thread = threading.Thread(target=import_quietly, args=("this_is_in_no_path",))
    assert not is_package("json.decoder")
    assert is_package("json")
    caught: list[str] = []
    hook, threading.excepthook = threading.excepthook, lambda told: caught.append(str(told.exc_value))
    try:
        thread.start()
        thread.join()
    finally:
        threading.excepthook = hook
    assert caught == ["No module named 'this_is_in_no_path'"], "told, and told again by the run itself"
