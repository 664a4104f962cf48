"""A real Prometheus (Debian's package `prometheus`) on a free port, with the rules of deploy/."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.deploy.manifests import DEPLOY, document
from tests.support import free_port

_START_SECONDS = 30.0


def configuration(target: str) -> dict[str, Any]:
    """That of docker-compose.yml, once a second, of the service at `target`."""
    settings: dict[str, Any] = document(DEPLOY / "prometheus" / "prometheus.yml")
    settings["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    settings["rule_files"] = [str(DEPLOY / "prometheus" / "rules.yml")]
    settings["scrape_configs"][0]["static_configs"] = [{"targets": [target]}]
    return settings


class Prometheus:
    """Answers queries; `url` is where it listens."""

    def __init__(self, url: str) -> None:
        self.url = url

    def query(self, text: str) -> list[Any]:
        """The samples that an expression gives now. Raises `RuntimeError` for one that it does not take."""
        answer = httpx.get(f"{self.url}/api/v1/query", params={"query": text}, timeout=10).json()
        if answer["status"] != "success":
            raise RuntimeError(f"{text}: {answer['error']}")
        found: list[Any] = answer["data"]["result"]
        return found

    def range(self, text: str, begin: float, end: float, step: float) -> list[Any]:
        """The series that an expression gives between two times (seconds since 1970). Raises as `query`."""
        when = {"start": str(begin), "end": str(end), "step": str(step)}
        answer = httpx.get(f"{self.url}/api/v1/query_range", params={"query": text} | when, timeout=30).json()
        if answer["status"] != "success":
            raise RuntimeError(f"{text}: {answer['error']}")
        found: list[Any] = answer["data"]["result"]
        return found

    def rules(self) -> list[dict[str, Any]]:
        """All rules with their `health` and `lastError`."""
        answer = httpx.get(f"{self.url}/api/v1/rules", timeout=10).raise_for_status().json()
        return [rule for group in answer["data"]["groups"] for rule in group["rules"]]


@contextmanager
def prometheus(program: str, target: str, folder: Path) -> Iterator[Prometheus]:
    """A Prometheus that watches `target` (host:port), ended on exit; `folder` holds its data."""
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration(target)))
    address = f"127.0.0.1:{free_port()}"
    command = [
        program, f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}", "--log.level=warn",
    ]  # fmt: skip
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        began = time.monotonic()
        while not _is_ready(f"http://{address}"):
            if process.poll() is not None or time.monotonic() - began > _START_SECONDS:
                process.kill()
                raise RuntimeError(f"prometheus does not start:\n{process.communicate()[1][-3000:]}")
            time.sleep(0.1)
        yield Prometheus(f"http://{address}")
    finally:
        process.terminate()
        process.communicate(timeout=30)


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/-/ready", timeout=2).status_code == 200
    except httpx.TransportError:
        return False
