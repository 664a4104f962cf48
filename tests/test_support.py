import socket
from pathlib import Path

import numpy as np
import pytest

from tests.support import free_ports, shared_dir, speech, voiced


def test_absent_data_skips_on_a_laptop_and_fails_in_ci(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODECD_SHARED", str(tmp_path / "absent"))
    monkeypatch.setenv("CODECD_REQUIRE_SHARED", "0")
    with pytest.raises(pytest.skip.Exception):
        shared_dir()
    monkeypatch.setenv("CODECD_REQUIRE_SHARED", "1")
    with pytest.raises(pytest.fail.Exception):
        shared_dir()


def test_speech_gives_the_same_existing_clips_each_time() -> None:
    clips = speech(8)
    assert clips == speech(8)
    assert len(set(clips)) == 8
    assert all(clip.is_file() for clip in clips)
    with pytest.raises(ValueError, match="ask for fewer"):
        speech(100_000)


def test_voiced_signal_has_sound_and_silence() -> None:
    signal = voiced(5.0, seed=3)
    assert signal.dtype == np.float32
    assert signal.shape == (80_000,)
    assert np.abs(signal).max() == pytest.approx(0.5)
    level = np.sqrt(np.mean(signal[: 80_000 // 160 * 160].reshape(-1, 160) ** 2, axis=1))
    assert np.mean(level > 0.02) > 0.3, "voiced parts"
    assert np.mean(level < 1e-4) > 0.03, "silent parts"
    np.testing.assert_array_equal(signal, voiced(5.0, seed=3))
    assert not np.array_equal(signal, voiced(5.0, seed=4))


@pytest.mark.parametrize("seconds", [0.0, 1e-4, 0.01])
def test_voiced_signal_may_be_very_short(seconds: float) -> None:
    assert len(voiced(seconds)) == max(1, round(seconds * 16_000))


def test_free_ports_are_different_and_can_be_bound() -> None:
    ports = free_ports(5)
    assert len(set(ports)) == 5
    for port in ports:
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", port))
