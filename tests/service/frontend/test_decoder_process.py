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
    for name in ("Max file size", "Max processes", "Max core file size"):
        assert rows[name] == ["0", "0"]
    assert int(rows["Max open files"][0]) <= 16
    assert int(rows["Max address space"][0]) < 2**31
    assert int(rows["Max cpu time"][0]) <= 10


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
