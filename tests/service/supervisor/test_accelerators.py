"""Devices are those that torch finds, asked only where there is a driver or somebody insists."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from codec.errors import InvalidRequestError
from service.supervisor.accelerators import devices_for


def answer(monkeypatch: pytest.MonkeyPatch, *devices: str) -> None:
    """Have the probe find these devices: the machine of the tests has none."""

    def run(command: list[str], **_: Any) -> "subprocess.CompletedProcess[str]":
        found = {"devices": devices, "reason": "" if devices else "no driver"}
        return subprocess.CompletedProcess(command, 0, json.dumps(found))

    monkeypatch.setattr(subprocess, "run", run)


def test_without_a_driver_auto_is_the_cpu_and_asks_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "run", None)
    assert devices_for("auto", tmp_path) == ("cpu",)
    assert devices_for("cpu", tmp_path) == ("cpu",)


def test_auto_takes_what_torch_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nvidiactl").touch()
    answer(monkeypatch)
    assert devices_for("auto", tmp_path) == ("cpu",)
    answer(monkeypatch, "cuda:0", "cuda:1")
    assert devices_for("auto", tmp_path) == ("cuda:0", "cuda:1")
    assert devices_for("cuda", tmp_path) == ("cuda:0", "cuda:1")
    assert devices_for("cuda:1", tmp_path) == ("cuda:1",)


def test_what_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, "cuda:0")
    with pytest.raises(InvalidRequestError, match="--device cuda:1: no such device; there is cuda:0"):
        devices_for("cuda:1")
    answer(monkeypatch)
    with pytest.raises(InvalidRequestError, match="--device cuda: no such device; no driver, or use"):
        devices_for("cuda")


def test_the_real_probe_is_asked() -> None:
    with pytest.raises(InvalidRequestError, match="no such device"):
        devices_for("cuda:99")
