"""`codecd serve`: options become the config, an open door has to be asked for, errors say what to do."""

import argparse
import subprocess
import sys
from pathlib import Path

import pytest

from codec.errors import ConfigError, InvalidRequestError
from service import cli
from service.cli import _check_access, _config, register_serve
from service.config import CallerLimits, TlsConfig
from service.frontend.keys import Scope, add_key
from tests.service.certificates import Authority


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


def test_channels_and_processes_become_the_config(tmp_path: Path) -> None:
    config = _config(parse("--repository", str(tmp_path)))
    assert (config.channels, config.frontends, config.admin_port) == (("stable",), 1, 8002)
    options = ("--channels", "stable,canary", "--frontends", "3", "--admin-port", "9")
    config = _config(parse(*options, "--repository", str(tmp_path)))
    assert (config.channels, config.frontends, config.admin_port) == (("stable", "canary"), 3, 9)


def test_devices_and_batching_become_the_config(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    repository = ("--repository", str(tmp_path))
    config = _config(parse("--device", "cpu", "--batching", "fixed", *repository))
    assert (config.devices, config.batching) == (("cpu",), "fixed")
    assert config.decode_dtype == "float32"
    assert _config(parse("--decode-dtype", "bfloat16", *repository)).decode_dtype == "bfloat16"
    monkeypatch.setattr(cli, "devices_for", {"auto": ("cuda:0", "cuda:1"), "cuda:1": ("cuda:1",)}.get)
    config = _config(parse(*repository))
    assert (config.devices, config.workers, config.batching) == (("cuda:0", "cuda:1"), 2, "auto")
    config = _config(parse("--device", "cuda:1", "--workers", "3", *repository))
    assert (config.devices, config.workers) == (("cuda:1",), 3)


def test_a_device_that_is_none_is_a_wrong_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        parse("--device", "tpu")
    assert "none of cpu, cuda, cuda:0" in capsys.readouterr().err


def test_times_of_leaving_become_the_config(tmp_path: Path) -> None:
    config = _config(parse("--repository", str(tmp_path)))
    assert (config.lag_seconds, config.grace_seconds, config.max_connection_age_seconds) == (0, 30, 1800)
    options = ("--lag-seconds", "5", "--grace-seconds", "120", "--max-connection-age", "0")
    config = _config(parse(*options, "--repository", str(tmp_path)))
    assert (config.lag_seconds, config.grace_seconds, config.max_connection_age_seconds) == (5, 120, 0)


def test_options_out_of_range_are_refused() -> None:
    with pytest.raises(InvalidRequestError, match="http_port"):
        _config(parse("--http-port", "70000"))


def test_limits_and_certificates_become_the_config(tmp_path: Path) -> None:
    limits = ("--max-streams", "3", "--request-rate", "10", "--audio-rate", "2.5", "--queued-audio", "60")
    files = ("--tls-cert", "a.pem", "--tls-key", "a.key", "--tls-client-ca", "ca.pem", "--keys", "keys.jsonl")
    config = _config(parse(*limits, *files, "--repository", str(tmp_path)))
    assert config.caller_limits == CallerLimits(
        max_streams=3,
        requests_per_second=10,
        audio_seconds_per_second=2.5,
        max_queued_audio_seconds=60,
    )
    assert config.tls == TlsConfig(certificate=Path("a.pem"), key=Path("a.key"), client_ca=Path("ca.pem"))
    assert config.keys == Path("keys.jsonl")


def test_allowed_origins_become_the_config(tmp_path: Path) -> None:
    options = ("--allow-origin", "https://a.example", "--allow-origin", "http://b.example:8080")
    config = _config(parse(*options, "--repository", str(tmp_path)))
    assert config.allowed_origins == ("https://a.example", "http://b.example:8080")
    with pytest.raises(InvalidRequestError, match="allowed_origins"):
        _config(parse("--allow-origin", "a.example", "--repository", str(tmp_path)))


@pytest.mark.parametrize("files", [("--tls-cert", "a.pem"), ("--tls-client-ca", "ca.pem")])
def test_half_of_tls_is_refused(files: tuple[str, str]) -> None:
    with pytest.raises(InvalidRequestError, match="both --tls-cert and --tls-key"):
        _config(parse(*files))


def test_keys_and_no_keys_are_not_asked_for_together(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse("--keys", "keys.jsonl", "--insecure")
    assert "not allowed with" in capsys.readouterr().err


def test_an_address_beyond_this_machine_needs_keys_or_the_word_insecure(tmp_path: Path) -> None:
    outside = parse("--host", "0.0.0.0", "--repository", str(tmp_path))
    with pytest.raises(InvalidRequestError, match="--keys FILE"):
        _check_access(_config(outside), insecure=False)
    _check_access(_config(outside), insecure=True)
    file = tmp_path / "keys.jsonl"
    add_key(file, "a", list(Scope), CallerLimits())
    _check_access(_config(parse("--host", "0.0.0.0", "--keys", str(file))), insecure=False)
    _check_access(_config(parse()), insecure=False)


def test_files_that_cannot_be_used_are_told_before_anything_starts(tmp_path: Path) -> None:
    file = tmp_path / "keys.jsonl"
    with pytest.raises(FileNotFoundError):
        _check_access(_config(parse("--keys", str(file))), insecure=False)
    file.write_text("nonsense")
    with pytest.raises(ConfigError, match="line 1"):
        _check_access(_config(parse("--keys", str(file))), insecure=False)
    certificate, key = Authority("CA").sign("server").write(tmp_path, "server")
    _check_access(_config(parse("--tls-cert", str(certificate), "--tls-key", str(key))), insecure=False)
    with pytest.raises(ConfigError, match="PEM"):
        _check_access(_config(parse("--tls-cert", str(key), "--tls-key", str(key))), insecure=False)


def test_an_open_address_needs_to_be_asked_for() -> None:
    result = run_codecd("serve", "--host", "0.0.0.0")
    assert result.returncode == 1
    assert "--keys FILE" in result.stderr
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
