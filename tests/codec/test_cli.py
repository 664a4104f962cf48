"""The command itself: help, exit statuses, and commands that other packages add."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from codec.cli import main
from tests.support import REPOSITORY_ROOT

LIBRARY_COMMANDS = ("encode", "decode", "info", "thin", "models")
ADDED_COMMANDS = ("publish", "serve", "train")


def codecd(*arguments: str, path: Path | None = None) -> "subprocess.CompletedProcess[str]":
    """Run the real command; `path`: a folder that Python looks into, too."""
    environment = dict(os.environ)
    if path:
        environment["PYTHONPATH"] = str(path)
    return subprocess.run(
        [sys.executable, "-m", "codec.cli", *arguments],
        cwd=REPOSITORY_ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def add_plugin(folder: Path, command: str, source: str) -> Path:
    """Install a package that adds `command`, as pip would have left it."""
    name = f"plugin_{command}"
    metadata = folder / f"{name}-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[codecd.commands]\n{command} = {name}:register\n")
    (folder / f"{name}.py").write_text(source)
    return folder


WORKING = """
def register(commands):
    parser = commands.add_parser("good", help="a good command")
    parser.set_defaults(run=lambda arguments: print("good ran") or 0)
"""


def test_help_lists_every_command_and_examples() -> None:
    told = codecd("--help")
    assert told.returncode == 0
    for name in (*LIBRARY_COMMANDS, *ADDED_COMMANDS):
        assert f"\n    {name} " in told.stdout
    assert "examples:" in told.stdout


@pytest.mark.parametrize("name", [*LIBRARY_COMMANDS, *ADDED_COMMANDS])
def test_help_of_every_command_shows_examples(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([name, "--help"])
    told = capsys.readouterr().out
    assert "example" in told
    assert f"\n  codecd {name}" in told


def test_a_broken_package_breaks_no_other_command(tmp_path: Path) -> None:
    add_plugin(tmp_path, "bad", "import a_module_that_is_not_there")
    add_plugin(tmp_path, "good", WORKING)
    told = codecd("--help", path=tmp_path)
    assert told.returncode == 0
    assert "a good command" in told.stdout
    assert "encode" in told.stdout
    assert "codecd: the command bad of plugin_bad cannot be loaded (ModuleNotFoundError" in told.stderr
    good = codecd("good", path=tmp_path)
    assert (good.returncode, good.stdout, good.stderr) == (0, "good ran\n", "")
    bad = codecd("bad", path=tmp_path)
    assert bad.returncode == 2
    assert (
        "cannot be loaded (ModuleNotFoundError: No module named 'a_module_that_is_not_there')" in bad.stderr
    )


def test_looking_loads_neither_torch_nor_other_packages(tmp_path: Path) -> None:
    program = (
        "import json, sys\nfrom codec.cli import main\n"
        f"status = main(['info', {str(tmp_path / 'nothing.cdc')!r}])\n"
        "print(json.dumps([status, sorted(m for m in sys.modules if '.' not in m)]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY_ROOT, capture_output=True, text=True, check=True
    )
    status, modules = json.loads(done.stdout)
    assert status == 1
    assert not {"torch", "training", "service"} & set(modules)


def test_no_command_or_an_unknown_one_is_a_wrong_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["fly"]):
        with pytest.raises(SystemExit, match="2"):
            main(arguments)
    assert "invalid choice: 'fly'" in capsys.readouterr().err


def test_a_failure_is_one_line_on_standard_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(tmp_path / "nothing.cdc")]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("codecd: ")
    assert told.err.count("\n") == 1
