import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from tests.support import REPOSITORY_ROOT

GPU_BUILD = bool(torch.version.cuda or torch.version.hip)
EXTENSION = Path("lib") / "_torchaudio.abi3.so"
MEL_BANK = (
    "import torchaudio; bank = torchaudio.functional.melscale_fbanks(257, 0.0, 8000.0, 80, 16000);"
    "print(tuple(bank.shape), bool(bank.sum() > 0))"
)


def run_python(*arguments: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = dict(os.environ)
    if path is not None:
        environment["PYTHONPATH"] = str(path)
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, cwd=REPOSITORY_ROOT, env=environment
    )


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the installed torchaudio without its extensions; shadows it on PYTHONPATH."""
    spec = find_spec("torchaudio")
    assert spec is not None
    assert spec.origin is not None
    package = tmp_path / "torchaudio"
    shutil.copytree(Path(spec.origin).parent, package, ignore=shutil.ignore_patterns("*.so", "*.disabled"))
    return package


def test_torchaudio_imports_and_makes_filter_banks() -> None:
    result = run_python("-c", MEL_BANK)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "(257, 80) True"


def test_working_install_is_left_alone(copied: Path) -> None:
    before = sorted(copied.rglob("*.py"))
    result = run_python("-m", "codec.torchaudio_setup", path=copied.parent)
    assert result.returncode == 0, result.stderr
    assert "nothing to do" in result.stdout
    assert sorted(copied.rglob("*.py")) == before
    assert not (copied / EXTENSION).with_name("_torchaudio.abi3.so.disabled").exists()


@pytest.mark.skipif(GPU_BUILD, reason="a GPU build of torch is never touched")
def test_extension_that_cannot_load_is_disabled_once(copied: Path) -> None:
    (copied / EXTENSION).write_bytes(b"not a shared object that this machine can load")
    assert run_python("-c", MEL_BANK, path=copied.parent).returncode != 0

    first = run_python("-m", "codec.torchaudio_setup", path=copied.parent)
    assert first.returncode == 0, first.stderr
    assert first.stdout.count("\n") == 1
    assert "_torchaudio.abi3.so" in first.stdout
    assert run_python("-c", MEL_BANK, path=copied.parent).stdout.strip() == "(257, 80) True"

    second = run_python("-m", "codec.torchaudio_setup", path=copied.parent)
    assert "nothing to do" in second.stdout


def test_failure_for_another_reason_is_reported_and_undone(copied: Path) -> None:
    (copied / EXTENSION).write_bytes(b"not a shared object that this machine can load")
    (copied / "version.py").write_text("raise RuntimeError('broken on purpose')\n")
    result = run_python("-m", "codec.torchaudio_setup", path=copied.parent)
    assert result.returncode == 1
    assert "reinstall" in result.stderr or GPU_BUILD
    assert (copied / EXTENSION).exists()


def test_missing_torchaudio_says_how_to_install_it(tmp_path: Path) -> None:
    block = "import sys; sys.modules['torchaudio'] = None\n"
    run = "from codec.torchaudio_setup import main; sys.exit(main())"
    (tmp_path / "blocked.py").write_text(block + run)
    result = run_python(str(tmp_path / "blocked.py"), path=REPOSITORY_ROOT)
    assert result.returncode == 1
    assert "pip install" in result.stderr
