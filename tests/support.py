"""Shared helpers of the test-suite: real speech, synthetic voiced signals, free ports."""

import csv
import os
import random
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from numpy.typing import NDArray

REPOSITORY_ROOT = Path(__file__).resolve().parent.parent
SAMPLE_RATE_HZ = 16_000
_PORTS = range(20_000, 32_000)


def shared_dir() -> Path:
    """Return the folder of shared test data, or end the test where there is none.

    The folder is the one named by `CODECD_SHARED`, else `shared` beside the repository. Without it the
    test is skipped, or failed where `CODECD_REQUIRE_SHARED=1` (CI) says that it has to be there.
    """
    named = os.environ.get("CODECD_SHARED")
    folder = Path(named) if named else REPOSITORY_ROOT.parent / "shared"
    if not folder.is_dir():
        _unavailable(f"no shared test data at {folder}; set CODECD_SHARED to the folder that holds it")
    return folder


def speech(count: int) -> list[Path]:
    """Return `count` clips of clean 16 kHz speech.

    The free samples come first, then validation clips of one source after the other. The same call
    always gives the same clips. Without data the test is skipped or failed as by `shared_dir`.
    """
    data = shared_dir() / "data"
    samples = [row["file"] for row in _rows(data / "sample.csv")]
    valid = [row for row in _rows(data / "valid.csv") if row["kind"] == "clean"]
    nth_of_source: dict[str, int] = {}
    turns: list[tuple[int, str]] = []
    for row in valid:
        turn = nth_of_source.get(row["source"], 0)
        nth_of_source[row["source"]] = turn + 1
        turns.append((turn, row["file"]))
    # One clip of every source, then the second of each, so that few clips still mean many voices.
    files = samples + [name for _, name in sorted(turns)]
    if count > len(files):
        raise ValueError(f"{count} clips asked for, {len(files)} there; ask for fewer")
    return [data / name for name in files[:count]]


def voiced(seconds: float, *, seed: int = 0, sample_rate_hz: int = SAMPLE_RATE_HZ) -> NDArray[np.float32]:
    """Return a synthetic signal with the traits of speech, float32 `[sample]`, peak 0.5.

    Harmonics of a gliding pitch with vibrato and two slow formants, switched on and off in syllables,
    with noise bursts in some of the gaps and true silence in the others. Deterministic for a seed; at
    least one sample long.
    """
    rng = np.random.default_rng(seed)
    n_samples = max(1, round(seconds * sample_rate_hz))
    time = np.arange(n_samples) / sample_rate_hz
    voice = _harmonics(time, sample_rate_hz, rng) * _syllables(n_samples, sample_rate_hz, rng, duty=0.65)
    bursts = rng.standard_normal(n_samples) * _syllables(n_samples, sample_rate_hz, rng, duty=0.15)
    mixed = voice + 0.15 * bursts
    peak = np.max(np.abs(mixed), initial=1e-9)
    return np.asarray(0.5 * mixed / peak, dtype=np.float32)


def free_port() -> int:
    """Return a TCP port of the loopback address that nothing listens on at this moment."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Return `count` different free TCP ports of the loopback address.

    They are none of those that the system gives to whoever asks for any, such as the very process that is
    about to listen on them.
    """
    ports: list[int] = []
    with ExitStack() as held:
        for port in random.SystemRandom().sample(_PORTS, len(_PORTS)):
            sock = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            try:
                sock.bind(("127.0.0.1", port))
            except OSError:
                continue
            ports.append(port)
            if len(ports) == count:
                return ports
    raise OSError(f"no {count} free ports")


def _harmonics(
    time: NDArray[np.float64], sample_rate_hz: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    pitch_hz = rng.uniform(90, 220) * (1 + 0.15 * np.sin(2 * np.pi * 0.4 * time + rng.uniform(0, 6)))
    pitch_hz *= 1 + 0.02 * np.sin(2 * np.pi * 5.5 * time)
    phase = 2 * np.pi * np.cumsum(pitch_hz) / sample_rate_hz
    formants_hz = [
        centre * (1 + 0.3 * np.sin(2 * np.pi * rng.uniform(0.5, 2) * time + rng.uniform(0, 6)))
        for centre in (600, 1700)
    ]
    signal = np.zeros_like(time)
    for harmonic in range(1, 40):
        frequency_hz = harmonic * pitch_hz
        audible = frequency_hz < 0.45 * sample_rate_hz
        envelope = sum(np.exp(-(((frequency_hz - formant) / 400) ** 2)) for formant in formants_hz)
        signal += audible * (envelope + 0.05 / harmonic) * np.sin(harmonic * phase)
    return signal


def _syllables(
    n_samples: int, sample_rate_hz: int, rng: np.random.Generator, *, duty: float
) -> NDArray[np.float64]:
    """Return an on/off gate of random lengths with 10 ms ramps, `[sample]`."""
    gate = np.zeros(n_samples)
    position = 0
    while position < n_samples:
        length = int(rng.uniform(0.06, 0.3) * sample_rate_hz)
        gate[position : position + length] = float(rng.random() < duty) * rng.uniform(0.3, 1)
        position += length
    half = int(0.01 * sample_rate_hz)
    ramp = np.hanning(2 * half + 1)
    return np.convolve(gate, ramp / ramp.sum())[half : half + n_samples]


def _rows(manifest: Path) -> list[dict[str, str]]:
    with manifest.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _unavailable(reason: str) -> NoReturn:
    if os.environ.get("CODECD_REQUIRE_SHARED") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
