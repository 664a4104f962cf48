"""All front end processes together: same ports, same routes, one answer when something is over."""

import asyncio
import logging
import socket
import tempfile
from pathlib import Path
from typing import Any, Protocol

from service.config import ServeConfig, SharedLedger
from service.supervisor.child import Message
from service.supervisor.front_end import FrontEnd

_LOG = logging.getLogger(__name__)


class GatewayOwner(Protocol):
    """Who is told what the front ends have to say."""

    def worker_idle(self, worker: str) -> None:
        """No front end has anything left on a draining worker."""

    def outcomes(self, model: str, version: str, done: int, failed: int) -> None:
        """So much work of a version has ended."""

    def changed(self) -> None:
        """Something of the above has happened, or the front ends were given up."""


class Gateway:
    """Starts `config.frontends` front ends.

    Where there are several, they share the ports for REST and gRPC, and the system deals connections out;
    they count together what callers use; the i-th one tells its metrics on `metrics_port + i`.
    `has_failed`: one of them cannot start.
    """

    def __init__(self, config: ServeConfig, owner: GatewayOwner) -> None:
        self.has_failed = False
        self._config = config
        self._owner = owner
        self._number = 0
        self._routes: Message | None = None
        self._draining_since: dict[str, int] = {}
        self._idle: dict[str, set[FrontEnd]] = {}
        self._reports: dict[FrontEnd, dict[str, dict[str, int]]] = {}
        self._reserved: list[socket.socket] = []
        self._shared: tempfile.TemporaryDirectory[str] | None = None
        self._front_ends: list[FrontEnd] = []
        try:
            self._start()
        except OSError as error:
            _LOG.error("the front ends cannot start", extra={"reason": str(error)})
            self.has_failed = True

    def publish(self, routes: Message) -> None:
        """Make these the routes, if they are not already."""
        if routes == self._routes:
            return
        self._routes = routes
        self._number += 1
        workers = [worker for model in routes["models"] for worker in model["workers"] if worker["draining"]]
        since = {worker["id"]: self._draining_since.get(worker["id"], self._number) for worker in workers}
        self._draining_since = since
        self._idle = {worker: said for worker, said in self._idle.items() if worker in since}
        for front_end in self._front_ends:
            front_end.publish({**routes, "number": self._number})

    def send_away(self, worker: str, grace_seconds: float) -> None:
        """Have the streams of a worker ended, after asking their callers to go."""
        for front_end in self._front_ends:
            front_end.send({"type": "go_away", "worker": worker, "grace_seconds": grace_seconds})

    def tell_read_at(self, read_at: dict[str, dict[str, float]]) -> None:
        """Have the front ends export when the channels of every model were read."""
        for front_end in self._front_ends:
            front_end.send({"type": "registry", "read_at": read_at})

    def load(self, worker: str) -> dict[str, int]:
        """Live streams and one-shot requests on a worker, as last reported, at most a second ago."""
        mine = [report[worker] for report in self._reports.values() if worker in report]
        return {name: sum(load[name] for load in mine) for name in ("streams", "jobs")}

    def processes(self) -> list[dict[str, Any]]:
        """The front ends as they run now."""
        return [
            {"name": front_end.name, "pid": front_end.pid, "ready": front_end.is_ready}
            for front_end in self._front_ends
        ]

    async def drain(self) -> None:
        """Refuse new work, after the lag, and let the present work end within the grace period."""
        draining = [asyncio.create_task(front_end.drain()) for front_end in self._front_ends]
        if not draining:
            return
        patience_seconds = self._config.lag_seconds + self._config.grace_seconds
        _, late = await asyncio.wait(draining, timeout=patience_seconds)
        if late:
            _LOG.warning("work was still under way at the end of the grace period")
        for task in late:
            task.cancel()

    async def stop(self) -> None:
        """End the processes, and start no others."""
        await asyncio.gather(*(front_end.stop() for front_end in self._front_ends))
        for holder in self._reserved:
            holder.close()
        if self._shared is not None:
            self._shared.cleanup()

    def kill(self) -> None:
        """End the processes now, and start no others."""
        for front_end in self._front_ends:
            front_end.kill()

    def _start(self) -> None:
        count = self._config.frontends
        shared = {"http_port": self._config.http_port, "grpc_port": self._config.grpc_port}
        if count > 1:
            self._shared = tempfile.TemporaryDirectory(prefix="codecd-")
            for name, port in shared.items():
                holder = _reserve(self._config.host, port)
                self._reserved.append(holder)
                shared[name] = int(holder.getsockname()[1])
        for number in range(count):
            metrics_port = self._config.metrics_port and self._config.metrics_port + number
            own = {**shared, "metrics_port": metrics_port, "ledger": self._ledger(number)}
            config = self._config.model_copy(update=own)
            name = f"frontend{number}" if count > 1 else "frontend"
            self._front_ends.append(FrontEnd(name, config, self._heard, self._gone))

    def _ledger(self, place: int) -> SharedLedger | None:
        if self._shared is None:
            return None
        return SharedLedger(path=Path(self._shared.name) / "ledger", place=place)

    def _heard(self, front_end: FrontEnd, message: Message) -> None:
        event = message.get("event")
        if event == "idle":
            worker = str(message["worker"])
            since = self._draining_since.get(worker)
            # What it said of an older table may be about a time when the worker did not drain yet.
            if since is not None and int(message["routes"]) >= since:
                self._idle.setdefault(worker, set()).add(front_end)
                self._retire_idle()
        elif event == "report":
            self._reports[front_end] = message["workers"]
            for outcomes in message["outcomes"]:
                self._owner.outcomes(**outcomes)
            if message["outcomes"]:
                self._owner.changed()

    def _gone(self, front_end: FrontEnd) -> None:
        """Its work has died with it: the others alone say what is idle."""
        self._reports.pop(front_end, None)
        for said in self._idle.values():
            said.discard(front_end)
        self.has_failed = self.has_failed or front_end.has_failed
        self._retire_idle()
        self._owner.changed()

    def _retire_idle(self) -> None:
        """Report the workers that all front ends agree on."""
        listening = {front_end for front_end in self._front_ends if front_end.is_ready}
        idle = [worker for worker, said in self._idle.items() if listening and listening <= said]
        for worker in idle:
            del self._idle[worker]
            self._owner.worker_idle(worker)
        if idle:
            self._owner.changed()


def _reserve(host: str, port: int) -> socket.socket:
    """Hold a port for sockets that share it; it takes no connections itself.

    Raises `OSError` if anybody listens there already, even one who would share.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise OSError(f"cannot listen on {host}:{port}: {error}") from error
    holder = socket.socket(family)
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    holder.bind((host, port))
    return holder
