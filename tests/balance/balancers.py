"""HAProxy and nginx (Debian's packages) with the configurations of deploy/loadbalancer, on free ports."""

import csv
import io
import os
import shutil
import socket
import string
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import httpx

from tests.support import REPOSITORY_ROOT, free_ports

CONFIGURATIONS = REPOSITORY_ROOT / "deploy" / "loadbalancer"
BALANCERS = ("haproxy", "nginx")
"""Those that deal out requests and streams; haproxy-tcp deals out connections."""
NAMES = (*BALANCERS, "haproxy-tcp")
REPLICAS = 3
"""As many as the configurations have lines for."""

_START_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Balancer:
    """A load balancer that runs; the ports are those of the loopback address."""

    http_port: int
    grpc_port: int
    status_port: int

    @property
    def base_url(self) -> str:
        """Where REST answers."""
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def grpc_target(self) -> str:
        """Where gRPC answers."""
        return f"127.0.0.1:{self.grpc_port}"

    def counted(self, name: str) -> int:
        """A column of HAProxy's statistics, over all replicas of REST."""
        text = httpx.get(f"http://127.0.0.1:{self.status_port}/;csv").raise_for_status().text
        rows = csv.DictReader(io.StringIO(text.removeprefix("# ")))
        return sum(int(r[name]) for r in rows if r["pxname"] == "rest" and r["svname"] not in _SUMS)

    def ready(self) -> int:
        """How many replicas HAProxy's probes find ready."""
        text = httpx.get(f"http://127.0.0.1:{self.status_port}/;csv").raise_for_status().text
        rows = csv.DictReader(io.StringIO(text.removeprefix("# ")))
        return sum(r["status"] == "UP" for r in rows if r["pxname"] == "rest" and r["svname"] not in _SUMS)


_SUMS = ("FRONTEND", "BACKEND")


class Replica(Protocol):
    """Where a replica listens."""

    http_port: int
    grpc_port: int


class NotInstalledError(Exception):
    """A balancer that this machine does not have; the message says how to get it."""


def program(name: str) -> str:
    """The path of a balancer. Raises `NotInstalledError`."""
    package = name.partition("-")[0]
    # Debian keeps both where only root's PATH leads.
    found = shutil.which(package) or shutil.which(package, path="/usr/sbin")
    if found is None:
        raise NotInstalledError(f"needs {package} (Debian: apt-get install {package})")
    return found


def require(name: str) -> None:
    """End a script that needs a balancer which is not installed."""
    try:
        program(name)
    except NotInstalledError as error:
        raise SystemExit(str(error)) from error


def command(name: str, folder: Path) -> list[str]:
    """Runs a balancer in the foreground; its configuration is that of deploy/, its addresses are not yet in.

    `name`: haproxy, haproxy-tcp or nginx. `folder`: for what it writes.
    """
    if name == "nginx":
        return [
            program(name),
            "-e",
            "stderr",
            "-c",
            str(folder / "nginx.conf"),
            "-p",
            str(folder),
            "-g",
            "daemon off;",
        ]
    return [program(name), "-db", "-f", str(CONFIGURATIONS / f"{name}.cfg")]


def environment(ports: Sequence[int], replicas: Sequence[Replica], folder: Path) -> dict[str, str]:
    """What the configurations take from the environment; `ports`: REST, gRPC and status of the balancer."""
    http, grpc, status = (f"127.0.0.1:{port}" for port in ports)
    found = {"CODECD_HTTP_BIND": http, "CODECD_GRPC_BIND": grpc, "CODECD_STATUS_BIND": status}
    for number, replica in enumerate(replicas, 1):
        found[f"CODECD_HTTP_{number}"] = f"127.0.0.1:{replica.http_port}"
        found[f"CODECD_GRPC_{number}"] = f"127.0.0.1:{replica.grpc_port}"
    return found | {"CODECD_NGINX_RUN": str(folder)}


def prepare(name: str, settings: dict[str, str], folder: Path) -> None:
    """Put the addresses into nginx's configuration, as envsubst does; HAProxy takes them itself."""
    if name == "nginx":
        template = string.Template((CONFIGURATIONS / "nginx.conf.template").read_text())
        (folder / "nginx.conf").write_text(template.safe_substitute(settings))


@dataclass(slots=True)
class _Nobody:
    """An address for configurations that are only read."""

    http_port: int = 1
    grpc_port: int = 2


def checked(name: str) -> str:
    """What a balancer says against its configuration. Raises `NotInstalledError`."""
    with tempfile.TemporaryDirectory(prefix="codecd-balance-") as text:
        folder = Path(text)
        settings = environment((1, 2, 3), [_Nobody()] * REPLICAS, folder)
        prepare(name, settings, folder)
        only_check = "-t" if name == "nginx" else "-c"
        done = subprocess.run(
            [*command(name, folder), only_check],
            env=os.environ | settings, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return (
            ""
            if done.returncode == 0 and "[warn" not in (done.stdout + done.stderr).lower()
            else (done.stdout + done.stderr)
        )


@contextmanager
def balancer(name: str, replicas: Sequence[Replica]) -> Iterator[Balancer]:
    """A balancer in front of three replicas, ended on exit."""
    with tempfile.TemporaryDirectory(prefix="codecd-balance-") as text:
        folder = Path(text)
        ports = free_ports(3)
        settings = environment(ports, replicas, folder)
        prepare(name, settings, folder)
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                command(name, folder), env=os.environ | settings, stdout=log, stderr=log
            )
        try:
            _wait_until_it_listens(process, ports[0], folder / "log")
            yield Balancer(*ports)
        finally:
            process.terminate()
            process.wait(30)


def _wait_until_it_listens(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    began = time.monotonic()
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() - began > _START_SECONDS:
                process.kill()
                process.wait()
                raise RuntimeError(f"the balancer does not start:\n{log.read_text()[-3000:]}") from None
            time.sleep(0.05)
