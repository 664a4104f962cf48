"""The config reaches other processes unchanged, and refuses what cannot work."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from service.config import CallerLimits, Limits, ServeConfig, WorkerConfig


def test_a_serve_config_survives_the_control_socket() -> None:
    config = ServeConfig(
        repository=Path("models"), models=("a", "b"), workers=3, limits=Limits(max_channels=2)
    )
    line = json.dumps(config.to_message())
    assert json.loads(line)["type"] == "config"
    assert ServeConfig.from_message(json.loads(line)) == config


def test_a_worker_config_survives_the_control_socket() -> None:
    config = WorkerConfig(
        id="w1", model="m", version="1-0123456789ab", version_path=Path("v"), socket=Path("s")
    )
    assert WorkerConfig.from_message(json.loads(json.dumps(config.to_message()))) == config


@pytest.mark.parametrize(
    "wrong",
    [
        {"http_port": 70_000},
        {"workers": 0},
        {"devices": []},
        {"devices": ["gpu"]},
        {"batching": "wide"},
        {"decode_dtype": "float16"},
        {"slots": 0},
        {"grace_seconds": -1},
        {"no_such_option": 1},
        {"limits": {"max_body_bytes": 0}},
        {"limits": {"max_audio_seconds": 4000.0}},
        {"caller_limits": {"max_streams": -1}},
        {"caller_limits": {"audio_seconds_per_second": float("inf")}},
        {"tls": {"certificate": "a.pem"}},
        {"allowed_origins": ["example.org"]},
        {"allowed_origins": ["https://example.org/page"]},
    ],
)
def test_what_cannot_work_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ServeConfig.from_message({"repository": "models"} | wrong)


def test_a_config_cannot_change() -> None:
    config = ServeConfig(repository=Path("models"))
    with pytest.raises(ValidationError):
        setattr(config, "http_port", 1)  # noqa: B010


@pytest.mark.parametrize(
    ("host", "is_exposed"),
    [
        ("127.0.0.1", False),
        ("127.9.9.9", False),
        ("::1", False),
        ("localhost", False),
        ("0.0.0.0", True),
        ("::", True),
        ("10.1.2.3", True),
        ("example.org", True),
    ],
)
def test_loopback_is_told_from_the_rest(host: str, is_exposed: bool) -> None:
    assert ServeConfig(repository=Path("models"), host=host).is_exposed is is_exposed


def test_limits_that_are_not_given_are_those_of_the_service() -> None:
    own = CallerLimits(max_streams=0, requests_per_second=5)
    limits = own.or_else(CallerLimits(max_streams=7, audio_seconds_per_second=3))
    assert limits == CallerLimits(max_streams=0, requests_per_second=5, audio_seconds_per_second=3)
