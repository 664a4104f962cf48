"""`codecd push` and `codecd pull`, from one repository to another."""

from pathlib import Path

import pytest

from codec.cli import main
from codec.repository import Repository
from tests.codec.models import publish_tiny


def test_a_model_goes_from_one_repository_to_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], single_thread: None
) -> None:
    version = publish_tiny(tmp_path / "ours", "tiny")
    target = f"file://{tmp_path}/pushed"
    assert main(["push", "tiny", target, "--repository", str(tmp_path / "ours")]) == 0
    assert f"pushed {version.version} to {target}" in capsys.readouterr().out
    arguments = ["pull", target, "--channel", "canary", "--repository", str(tmp_path / "theirs")]
    assert main(arguments) == 0
    assert f"tiny@{version.version} is tiny@canary now" in capsys.readouterr().out
    assert Repository(tmp_path / "theirs").resolve("tiny@canary").version == version.version
    (tmp_path / "pushed" / "config.yaml").write_text("family: spectral\n")
    assert main(arguments) == 1
    assert "checksum" in capsys.readouterr().err
