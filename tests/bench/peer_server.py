"""A server of another package as a process of its own: started, watched, and ended with all its children."""

import os
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import httpx
import psutil

from service.supervisor.environment import worker_environment
from tests.bench.running_service import RunningService
from tests.support import REPOSITORY_ROOT, free_port

_START_SECONDS = 180.0
_POLL_SECONDS = 0.25
_PROBE_SECONDS = 30.0
_STOP_SECONDS = 10.0
_LOG_TAIL_CHARACTERS = 1500
_MB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class PeerCommand:
    """How a server is started: an interpreter, a module of `tests.bench.peer_servers`, and its options."""

    name: str
    python: Path
    module: str
    options: tuple[str, ...]


class PeerServer:
    """A context manager: entering waits until `probe`, a WAV file, is encoded; leaving ends every process.

    Raises `RuntimeError`, with the end of its log, if the server does not come up.
    """

    def __init__(self, command: PeerCommand, version: Path, probe: bytes) -> None:
        self.http_port = free_port()
        self._probe = probe
        self._folder = tempfile.TemporaryDirectory(prefix="codecd-peer-")
        self._log = Path(self._folder.name) / "log"
        module = f"tests.bench.peer_servers.{command.module}"
        self._command = [str(command.python), "-m", module, str(version), str(self.http_port)]
        self._command += command.options
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=log, cwd=REPOSITORY_ROOT, env=self._environment()
            )
        try:
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        assert self._process is not None
        family = self.processes() if self._process.poll() is None else []
        self._process.terminate()
        _, left = psutil.wait_procs(family, _STOP_SECONDS)
        for process in left:
            process.kill()
        self._process.wait()
        self._folder.cleanup()

    def processes(self) -> list[psutil.Process]:
        """The server and all its descendants."""
        assert self._process is not None
        own = psutil.Process(self._process.pid)
        return [own, *own.children(recursive=True)]

    def _environment(self) -> dict[str, str]:
        """What workers of ours have, and nothing of it leaves this machine or stays on it."""
        home = self._folder.name
        return worker_environment(os.environ) | {
            "PYTHONPATH": str(REPOSITORY_ROOT),
            "HOME": home,
            "RAY_TMPDIR": home,
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
            "RAY_raylet_start_wait_time_s": str(round(_START_SECONDS)),
        }

    def _wait(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + _START_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            if self._answers():
                return
            time.sleep(_POLL_SECONDS)
        tail = self._log.read_text(errors="replace")[-_LOG_TAIL_CHARACTERS:]
        raise RuntimeError(f"{self._command[2]} does not come up:\n{tail}")

    def _answers(self) -> bool:
        url = f"http://127.0.0.1:{self.http_port}/encode"
        try:
            return httpx.post(url, content=self._probe, timeout=_PROBE_SECONDS).status_code == 200
        except httpx.TransportError:
            return False


@dataclass(frozen=True, slots=True)
class Footprint:
    """Of a server that nobody asks anything: resident memory, and cores that it keeps busy all the same."""

    memory_mb: float
    cores: float

    @classmethod
    def of(cls, server: "PeerServer | RunningService", seconds: float) -> Self:
        """Look for so long."""
        processes = server.processes()
        before = sum(_cpu_seconds(process) for process in processes)
        time.sleep(seconds)
        used = sum(_cpu_seconds(process) for process in processes) - before
        return cls(sum(_memory_mb(process) for process in processes), used / seconds)


def _cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _memory_mb(process: psutil.Process) -> float:
    return float(process.memory_info().rss) / _MB
