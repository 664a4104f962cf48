"""A real front end process on free ports, in front of real (do-nothing) worker processes."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import numpy as np
from numpy.typing import NDArray

from codec.audio import encode_audio
from service.config import Limits, ServeConfig
from tests.service.echo_worker import SAMPLE_RATE, EchoConfig
from tests.support import REPOSITORY_ROOT

START_SECONDS = 30.0


@dataclass
class Worker:
    """A running echo worker."""

    id: str
    config: EchoConfig
    process: subprocess.Popen[bytes]
    draining: bool = False

    def route(self) -> dict[str, Any]:
        """Its line in the routing table."""
        return {
            "id": self.id,
            "socket": str(self.config.socket),
            "version": self.config.version,
            "draining": self.draining,
        }


class Service:
    """Starts processes, plays the supervisor, and ends everything; use it as a context manager."""

    def __init__(self, limits: Limits | None = None, cores: tuple[str, ...] = (), **config: Any) -> None:
        self.http_port = self.grpc_port = self.metrics_port = 0
        self.workers: dict[str, Worker] = {}
        self.rejected: list[dict[str, str]] = []
        self.draining = False
        self.channels: dict[str, dict[str, str]] = {}
        self.canary: dict[str, Any] | None = None
        self.tables_sent = 0
        self._prefix = cores
        self._stack = contextlib.ExitStack()
        self._directory = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        self._config = ServeConfig(
            repository=self._directory,
            http_port=0,
            grpc_port=0,
            metrics_port=0,
            limits=limits or Limits(),
            **config,
        )
        self._lines = b""
        self.control, self.frontend = self._start_frontend()
        ready = self.wait_for("ready")
        self.http_port, self.grpc_port = ready["http_port"], ready["grpc_port"]
        self.metrics_port = ready["metrics_port"]

    @property
    def repository(self) -> Path:
        """The folder that the front end takes for the model repository."""
        return self._directory

    @property
    def url(self) -> str:
        """Address of the REST interface."""
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def grpc_target(self) -> str:
        """Address of the gRPC interface."""
        return f"127.0.0.1:{self.grpc_port}"

    def add_worker(self, **settings: Any) -> Worker:
        """Start a worker and put it into the routing table."""
        name = f"w{len(self.workers)}"
        config = replace(EchoConfig(self._directory / f"{name}.sock"), **settings)
        arguments = [f"--{key.replace('_', '-')}={value}" for key, value in asdict(config).items()]
        command = [sys.executable, "-m", "tests.service.echo_worker", str(config.socket)]
        command += [argument for argument in arguments if not argument.startswith("--socket")]
        process = subprocess.Popen(command, cwd=REPOSITORY_ROOT)
        self._stack.callback(_end, process)
        self.workers[name] = Worker(name, config, process)
        self.send_routes()
        return self.workers[name]

    def send_routes(self) -> None:
        """Send the routing table as it is now."""
        self.tables_sent += 1
        models: dict[str, list[Worker]] = {"echo_16k": []}
        for worker in self.workers.values():
            models.setdefault(worker.config.model, []).append(worker)
        self.send(
            {
                "type": "routes",
                "models": [
                    {
                        "name": name,
                        "workers": [worker.route() for worker in workers],
                        "rejected": self.rejected,
                        "channels": self.channels.get(name) or {"stable": _newest(workers)},
                        "canary": self.canary if name == "echo_16k" else None,
                    }
                    for name, workers in models.items()
                ],
                "default_model": "echo_16k",
                "draining": self.draining,
                "number": self.tables_sent,
            }
        )

    def send(self, message: dict[str, Any]) -> None:
        """Tell the front end something as its supervisor."""
        self.control.sendall(json.dumps(message).encode() + b"\n")

    def wait_for(self, event: str, timeout_seconds: float = START_SECONDS) -> dict[str, Any]:
        """The next event of this name; others are skipped. Raises `TimeoutError`."""
        self.control.settimeout(timeout_seconds)
        while True:
            while b"\n" not in self._lines:
                data = self.control.recv(1 << 16)
                assert data, "the front end has ended"
                self._lines += data
            line, _, self._lines = self._lines.partition(b"\n")
            message: dict[str, Any] = json.loads(line)
            if message["event"] == event:
                return message

    def wait_ready(self) -> None:
        """Wait until new work is taken."""
        wait_until(lambda: self.get("/health/ready").status_code == 200, START_SECONDS)

    def get(self, path: str) -> httpx.Response:
        """A GET on a new connection."""
        return httpx.get(self.url + path)

    def metric(self, name: str, **labels: str) -> float:
        """Sum of the samples of a metric that carry these labels."""
        text = httpx.get(f"http://127.0.0.1:{self.metrics_port}/metrics").text
        total = 0.0
        for line in text.splitlines():
            head, _, value = line.rpartition(" ")
            wanted = all(f'{key}="{label}"' in head for key, label in labels.items())
            if head.partition("{")[0] == name and wanted:
                total += float(value)
        return total

    def cpu_seconds(self) -> float:
        """Processor time that the front end process has used."""
        fields = Path(f"/proc/{self.frontend.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.control.close()
        self._stack.close()

    def _start_frontend(self) -> tuple[socket.socket, subprocess.Popen[bytes]]:
        ours, theirs = socket.socketpair()
        self._stack.callback(ours.close)
        command = [*self._prefix, sys.executable, "-m", "service.frontend", "--control-fd"]
        with theirs:
            process = subprocess.Popen(
                [*command, str(theirs.fileno())], pass_fds=[theirs.fileno()], cwd=REPOSITORY_ROOT
            )
        self._stack.callback(_end, process)
        ours.sendall(json.dumps(self._config.to_message()).encode() + b"\n")
        return ours, process


@contextlib.contextmanager
def running(**settings: Any) -> Iterator[Service]:
    """A service with one echo worker, ready."""
    with Service(**settings) as service:
        service.add_worker()
        service.wait_ready()
        yield service


def wait_until(condition: Any, timeout_seconds: float = 10.0) -> None:
    """Wait for a condition; fails the test if it does not come."""
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def tone(seconds: float = 2.0, value: float = 0.25) -> NDArray[np.float32]:
    """A constant signal, which the echo codec gives back; float32 `[sample]`."""
    return np.full(round(seconds * SAMPLE_RATE), value, np.float32)


def wav(seconds: float = 2.0, sample_rate: int = SAMPLE_RATE) -> bytes:
    """A WAV file of a constant signal."""
    return encode_audio(np.full((1, round(seconds * sample_rate)), 0.25, np.float32), sample_rate, "wav")


def _newest(workers: list[Worker]) -> str:
    """Where the supervisor would say that the stable channel points."""
    versions = [worker.config.version for worker in workers if not worker.draining]
    return versions[-1] if versions else ""


def _end(process: subprocess.Popen[bytes]) -> None:
    """Give a process a moment to end by itself, then kill it."""
    try:
        process.wait(0.5)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
