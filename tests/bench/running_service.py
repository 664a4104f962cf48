"""The real service as a process of its own, on free ports: started, watched and stopped from outside."""

import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import psutil

from tests.support import REPOSITORY_ROOT, free_ports

_START_SECONDS = 180.0
_POLL_SECONDS = 0.05
_LOG_TAIL_CHARACTERS = 4000
_WORKER_MODULE = "service.worker"
_REJECTED = '"message": "version rejected"'


@dataclass(frozen=True, slots=True)
class Stopped:
    """How the service ended: `orphans` names processes of it that outlived it."""

    exit_status: int | None
    seconds: float
    orphans: tuple[str, ...]


class RunningService:
    """`codecd serve` on the loopback address.

    A context manager: entering waits until every worker of `model` is ready, leaving sends SIGTERM.
    `options` are further options of `codecd serve`. Raises `RuntimeError`, with the end of the log, if the
    service does not get ready.
    """

    def __init__(self, repository: Path, model: str, workers: int, *options: str) -> None:
        self.model = model
        self.workers = workers
        self.http_port, self.grpc_port, self.metrics_port = free_ports(3)
        self._command = [
            *(sys.executable, "-m", "codec.cli", "serve", "--repository", str(repository)),
            *("--http-port", str(self.http_port), "--grpc-port", str(self.grpc_port)),
            *("--metrics-port", str(self.metrics_port), "--admin-port", "0"),
            *("--models", model, "--workers", str(workers)),
            *options,
        ]
        self._folder = tempfile.TemporaryDirectory(prefix="codecd-bench-")
        self._log = Path(self._folder.name) / "service.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def base_url(self) -> str:
        """Where REST answers."""
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def grpc_target(self) -> str:
        """Where gRPC answers."""
        return f"127.0.0.1:{self.grpc_port}"

    @property
    def pid(self) -> int:
        """The supervisor."""
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        """All that the service has written so far."""
        return self._log.read_text(errors="replace")

    def launch(self) -> None:
        """Begin to start, the first time or after `stop` or `kill`; the ports stay the same."""
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, cwd=REPOSITORY_ROOT)

    def __enter__(self) -> Self:
        self.launch()
        try:
            self.wait_until_complete()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop, if it still runs, and forget the log."""
        if self._process is not None and self._process.poll() is None:
            self.stop()
        self._folder.cleanup()

    def wait_until_complete(self, version: str | None = None) -> float:
        """Wait until all workers of the served version (or of `version`) are ready; the seconds it took."""
        began = time.monotonic()
        while len(self.ready_workers(version)) < self.workers:
            if self._process is None or self._process.poll() is not None:
                raise RuntimeError(f"the service has ended:\n{self.log[-_LOG_TAIL_CHARACTERS:]}")
            if _REJECTED in self.log:
                raise RuntimeError(f"the service rejects a version:\n{self.log[-_LOG_TAIL_CHARACTERS:]}")
            if time.monotonic() - began > _START_SECONDS:
                raise RuntimeError(f"the service does not get ready:\n{self.log[-_LOG_TAIL_CHARACTERS:]}")
            time.sleep(_POLL_SECONDS)
        return time.monotonic() - began

    def ready_workers(self, version: str | None = None) -> frozenset[str]:
        """Ids of the workers of the served version that are ready; none if that is not `version`."""
        found = self.served()
        if not found or (version is not None and found["version"] != version):
            return frozenset()
        return frozenset(
            worker["id"]
            for worker in found["workers"]
            if worker["ready"] and not worker["draining"] and worker["version"] == found["version"]
        )

    def served(self) -> dict[str, Any]:
        """What `GET /models/{model}` says; empty while nothing answers."""
        try:
            answer = httpx.get(f"{self.base_url}/models/{self.model}", timeout=5.0)
        except httpx.TransportError:
            return {}
        found: dict[str, Any] = answer.json() if answer.status_code == 200 else {}
        return found

    def processes(self) -> list[psutil.Process]:
        """The supervisor and all its descendants."""
        supervisor = psutil.Process(self.pid)
        return [supervisor, *supervisor.children(recursive=True)]

    def worker_processes(self) -> list[psutil.Process]:
        """The processes that hold models."""
        return [process for process in self.processes() if _WORKER_MODULE in _command_line(process)]

    def cpu_seconds(self) -> float:
        """CPU time that the processes that live now have used."""
        total = 0.0
        for process in self.processes():
            times = process.cpu_times()
            total += times.user + times.system
        return total

    def stop(self, patience_seconds: float = 60.0) -> Stopped:
        """Send SIGTERM and wait; what has not ended by then is killed and named an orphan."""
        assert self._process is not None
        family = self.processes()
        began = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        try:
            status: int | None = self._process.wait(patience_seconds)
        except subprocess.TimeoutExpired:
            status = None
        seconds = time.monotonic() - began
        left = [process for process in family if _is_alive(process)]
        orphans = tuple(_command_line(process) for process in left)
        _kill(left)
        return Stopped(status, seconds, orphans)

    def kill(self) -> None:
        """End every process of the service at once."""
        assert self._process is not None
        if self._process.poll() is None:
            _kill(self.processes())
        self._process.wait()


def _is_alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def _command_line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        if process.is_running():
            process.kill()
