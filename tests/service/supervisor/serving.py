"""The whole service in a process of its own, as `codecd serve` runs it, read through its log."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from service.config import ServeConfig
from service.supervisor.main import serve
from tests.support import REPOSITORY_ROOT

_TIMEOUT_SECONDS = 60.0


class Serving:
    """`serve(config)`, on free ports unless `fields` names them; ends everything on exit.

    `prefix`: a command that runs the service, such as `prlimit` or `env` with their arguments.
    """

    def __init__(self, repository: Path, prefix: tuple[str, ...] = (), **fields: Any) -> None:
        ports = {"http_port": 0, "grpc_port": 0, "metrics_port": 0}
        config = ServeConfig(repository=repository, **(ports | fields))
        self.log: list[dict[str, Any]] = []
        command = [sys.executable, "-m", "tests.service.supervisor.serving", config.model_dump_json()]
        self.process = subprocess.Popen(
            [*prefix, *command],
            cwd=REPOSITORY_ROOT, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def event(self, message: str, count: int = 1, **fields: Any) -> dict[str, Any]:
        """The `count`-th log line of the supervisor with this message and these fields; waits for it."""

        def found() -> list[dict[str, Any]]:
            wanted = fields | {"process": "supervisor", "message": message}
            return [line for line in list(self.log) if wanted.items() <= line.items()]

        self.wait(lambda: len(found()) >= count, f"{message} {fields}")
        return found()[count - 1]

    def wait(
        self, condition: Callable[[], object], what: str, patience_seconds: float = _TIMEOUT_SECONDS
    ) -> float:
        """Wait for a condition; the seconds that it took."""
        started = time.monotonic()
        while not condition():
            if time.monotonic() - started > patience_seconds:
                raise TimeoutError(f"{what} did not happen; log:\n" + "\n".join(map(str, self.log[-20:])))
            time.sleep(0.01)
        return time.monotonic() - started

    @property
    def url(self) -> str:
        """Where the REST API listens, once it does."""
        return f"http://127.0.0.1:{self.event('the front end listens')['http_port']}"

    def is_ready(self) -> bool:
        """Whether the readiness probe says so."""
        return httpx.get(f"{self.url}/health/ready").status_code == 200

    def pids(self, child: str = "") -> list[int]:
        """Processes that were started, all or those of one child."""
        started = [line for line in self.log if line["message"] == "started"]
        return [line["pid"] for line in started if child in ("", line["child"])]

    def signal(self, number: signal.Signals) -> None:
        """Send the supervisor a signal."""
        os.kill(self.process.pid, number)

    def exit_status(self) -> int:
        """The exit status, once it has ended."""
        status = self.process.wait(_TIMEOUT_SECONDS)
        self._reading.join(_TIMEOUT_SECONDS)
        return status

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if line.startswith("{"):
                self.log.append(json.loads(line))
            else:
                sys.stderr.write(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        self._reading.join(_TIMEOUT_SECONDS)
        assert self.process.stderr is not None
        self.process.stderr.close()


def is_alive(pid: int) -> bool:
    """Whether a process runs."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


if __name__ == "__main__":
    sys.exit(serve(ServeConfig.model_validate_json(sys.argv[1])))
