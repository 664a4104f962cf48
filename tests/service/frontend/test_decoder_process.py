"""The confined process itself: its protocol and what it gave up."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codec.audio import AudioLimits
from service.frontend.decoder_process import FRAME, pack
from tests.service.frontend import bodies
from tests.support import REPOSITORY_ROOT

_READ: dict[str, Any] = {
    "task": "read",
    "sample_rate": 16_000,
    "channels": 1,
    "limits": vars(AudioLimits()),
    "pcm": None,
}


@pytest.fixture
def process() -> Iterator[tuple[socket.socket, subprocess.Popen[bytes]]]:
    """A confined process that has been told its limits."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        command = [sys.executable, "-m", "service.frontend.decoder_process", str(theirs.fileno())]
        child = subprocess.Popen(command, pass_fds=[theirs.fileno()], cwd=REPOSITORY_ROOT)
        theirs.close()
        ours.settimeout(20)
        _ask(ours, {"memory_bytes": 1 << 28, "cpu_seconds": 5}, b"")
        yield ours, child
    assert child.wait(20) == 0


def test_it_reads_and_writes_audio(process: tuple[socket.socket, subprocess.Popen[bytes]]) -> None:
    connection, _ = process
    header, body = _ask(connection, _READ, bodies.sound_file(0.5, 8_000, form="OGG", subtype="VORBIS"))
    assert header == {"notes": []}
    assert len(body) == 4 * 8000
    write = {"task": "write", "channels": 1, "sample_rate": 16_000, "format": "flac"}
    _, flac = _ask(connection, write, np.zeros(1600, "<f4").tobytes())
    assert flac[:4] == b"fLaC"
    header, _ = _ask(connection, _READ, b"nothing of the kind")
    assert header["error"] == "InvalidAudioError"


def test_it_has_given_up_files_processes_and_memory(
    process: tuple[socket.socket, subprocess.Popen[bytes]],
) -> None:
    connection, child = process
    _ask(connection, _READ, bodies.sound_file(0.1))
    limits = Path(f"/proc/{child.pid}/limits").read_text()
    rows = {line[:26].strip(): line[26:].split()[:2] for line in limits.splitlines()[1:]}
    for name in ("Max file size", "Max processes", "Max core file size", "Max open files"):
        assert rows[name] == ["0", "0"]
    assert int(rows["Max address space"][0]) < 2**31
    assert "NoNewPrivs:\t1" in Path(f"/proc/{child.pid}/status").read_text()


def test_no_format_needs_what_was_given_up(process: tuple[socket.socket, subprocess.Popen[bytes]]) -> None:
    """Nothing can be opened any more, so a codec that wanted a file at first use would fail here."""
    connection, _ = process
    subtypes = {"WAV": ("PCM_U8", "PCM_24", "DOUBLE", "IMA_ADPCM"), "OGG": ("VORBIS", "OPUS")}
    for form in ("WAV", "OGG", "FLAC", "MP3", "AIFF", "AU", "CAF", "W64", "RF64"):
        for subtype in subtypes.get(form, (None,)):
            body = bodies.sound_file(0.5, 48_000, 2, form=form, subtype=subtype)
            header, samples = _ask(connection, _READ, body)
            assert "error" not in header, (form, subtype)
            assert len(samples) / 4 == pytest.approx(8000, abs=1200)


def test_a_process_in_its_place_can_open_nothing() -> None:
    """What hostile code could try, run in a process that has confined itself in the same way."""
    attempts = """
import os, socket, sys
from service.frontend import decoder_process
decoder_process._confine(1 << 28)
def attempt(name, work):
    try:
        work()
        print(name, "worked")
    except OSError as error:
        print(name, "failed")
attempt("internet", lambda: socket.socket(socket.AF_INET))
attempt("local", lambda: socket.socket(socket.AF_UNIX))
attempt("freed", lambda: (os.close(0), socket.socket(socket.AF_INET)))
attempt("read", lambda: os.open("/etc/passwd", os.O_RDONLY))
attempt("write", lambda: os.open("/tmp/codecd-never", os.O_WRONLY | os.O_CREAT))
attempt("copy", lambda: os.dup(1))
attempt("pipe", os.pipe)
"""
    result = subprocess.run(
        [sys.executable, "-c", attempts], capture_output=True, text=True, cwd=REPOSITORY_ROOT, timeout=60
    )
    assert result.returncode == 0, result.stderr
    outcomes = dict(line.split() for line in result.stdout.splitlines())
    assert len(outcomes) == 7
    assert set(outcomes.values()) == {"failed"}


def _ask(connection: socket.socket, header: dict[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
    connection.sendall(pack(header, len(body)) + body)
    header_bytes, body_bytes = FRAME.unpack(_receive(connection, FRAME.size))
    return json.loads(_receive(connection, header_bytes)), _receive(connection, body_bytes)


def _receive(connection: socket.socket, count: int) -> bytes:
    content = b""
    while len(content) < count:
        piece = connection.recv(count - len(content))
        assert piece, "the process has ended"
        content += piece
    return content
