"""What `serve` does before there is anything to run."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.config import ServeConfig
from service.supervisor.main import serve


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_missing_repository_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert serve(ServeConfig(repository=tmp_path / "nowhere")) == 2
    assert "no model repository" in capsys.readouterr().err


def test_an_empty_repository_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert serve(ServeConfig(repository=tmp_path)) == 2
    assert "holds no model" in capsys.readouterr().err


def test_an_unknown_model_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert serve(ServeConfig(repository=tmp_path, models=("nobody",))) == 2
    assert "nobody" in capsys.readouterr().err
