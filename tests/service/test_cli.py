"""`codecd serve`: options become the config, an open door has to be asked for, errors say what to do."""

import argparse
import subprocess
import sys
from pathlib import Path

import pytest

from codec.errors import InvalidRequestError
from service.cli import _config, _is_loopback, register_serve


def parse(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    register_serve(parser.add_subparsers())
    return parser.parse_args(["serve", *arguments])


def run_codecd(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "codec.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_options_become_the_config(tmp_path: Path) -> None:
    ports = ("--http-port", "1", "--grpc-port", "2", "--metrics-port", "3")
    config = _config(parse(*ports, "--repository", str(tmp_path), "--models", "b,a", "--workers", "3"))
    assert (config.http_port, config.grpc_port, config.metrics_port) == (1, 2, 3)
    assert (config.repository, config.models, config.workers) == (tmp_path, ("b", "a"), 3)
    assert config.host == "127.0.0.1"


def test_the_fixed_defaults_hold(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CODECD_REPOSITORY", str(tmp_path))
    config = _config(parse())
    assert (config.http_port, config.grpc_port, config.metrics_port) == (8000, 8001, 9100)
    assert config.repository == tmp_path
    assert config.models == ()


def test_options_out_of_range_are_refused() -> None:
    with pytest.raises(InvalidRequestError, match="http_port"):
        _config(parse("--http-port", "70000"))


@pytest.mark.parametrize(
    ("host", "is_loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("10.1.2.3", False),
        ("example.org", False),
    ],
)
def test_loopback_is_told_from_the_rest(host: str, is_loopback: bool) -> None:
    assert _is_loopback(host) is is_loopback


def test_an_open_address_needs_to_be_asked_for() -> None:
    result = run_codecd("serve", "--host", "0.0.0.0")
    assert result.returncode == 1
    assert "--insecure" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_missing_repository_is_a_clear_error(tmp_path: Path) -> None:
    ports = ("--http-port", "0", "--grpc-port", "0", "--metrics-port", "0")
    result = run_codecd("serve", *ports, "--repository", str(tmp_path / "nowhere"))
    assert result.returncode != 0
    assert "nowhere" in result.stderr
    assert "Traceback" not in result.stderr


def test_help_shows_examples() -> None:
    result = run_codecd("serve", "--help")
    assert result.returncode == 0
    assert "curl --data-binary" in result.stdout
