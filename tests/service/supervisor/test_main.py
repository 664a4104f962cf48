"""What `serve` does before there is anything to run."""

import logging
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from codec.repository import Repository
from service.config import ServeConfig
from service.supervisor.main import serve
from tests.service.supervisor.stage import publish


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


def test_an_admin_port_that_is_taken_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    publish(Repository(tmp_path / "models"), tmp_path, "serve")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert serve(ServeConfig(repository=tmp_path / "models", admin_port=port)) == 1
    assert f"cannot listen on 127.0.0.1:{port}" in capsys.readouterr().err


def test_an_unknown_model_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert serve(ServeConfig(repository=tmp_path, models=("nobody",))) == 2
    assert "nobody" in capsys.readouterr().err
