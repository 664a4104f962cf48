"""The config reaches other processes unchanged, and refuses what cannot work."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from service.config import Limits, ServeConfig, WorkerConfig


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
        {"slots": 0},
        {"grace_seconds": -1},
        {"no_such_option": 1},
        {"limits": {"max_body_bytes": 0}},
        {"limits": {"max_audio_seconds": 4000.0}},
    ],
)
def test_what_cannot_work_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ServeConfig.from_message({"repository": "models"} | wrong)


def test_a_config_cannot_change() -> None:
    config = ServeConfig(repository=Path("models"))
    with pytest.raises(ValidationError):
        setattr(config, "http_port", 1)  # noqa: B010
