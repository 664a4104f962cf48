"""The supervisor's loop: notice changes, reconcile every model, tell the front ends."""

import asyncio
import itertools
import logging
import random
from collections.abc import Iterator
from pathlib import Path

from codec.repository import Repository, VersionPath
from service.admin.app import make_admin_app
from service.config import ServeConfig
from service.http_server import HttpServer
from service.supervisor.child import Message
from service.supervisor.deployment import Deployment
from service.supervisor.fleet import Fleet, FleetConfig
from service.supervisor.gateway import Gateway
from service.supervisor.memory import Memory
from service.supervisor.operator import Operator
from service.supervisor.seat import WorkerPlan

_LOG = logging.getLogger(__name__)
_POLL_JITTER = 0.2
_ADMIN_HOST = "127.0.0.1"


class Supervisor:
    """Runs the service: `models`, of which the first is the default one.

    `sockets`: a private folder for the sockets of workers. `stop` begins an orderly end, `kill` an
    immediate one; either makes `run` return.
    """

    def __init__(self, config: ServeConfig, models: tuple[str, ...], sockets: Path) -> None:
        self._config = config
        self._models = models
        self._sockets = sockets
        self._repository = Repository(config.repository)
        self._memory = Memory()
        self._ids: Iterator[str] = (f"w{number}" for number in itertools.count(1))
        self._lane = asyncio.Lock()
        self._changed = asyncio.Event()
        self._is_stopping = False
        self._is_killed = False
        self._fleets = {model: self._fleet(model) for model in models}
        self._gateway: Gateway | None = None

    async def run(self) -> int:
        """Serve until told to end; the exit status, 0 after an orderly end.

        Raises `OSError` if the admin port is taken.
        """
        admin = self._admin_server()
        administration = await admin.start()
        _LOG.info("admin listens", extra={"admin_port": admin.port})
        watching = asyncio.create_task(self._watch_channels())
        # Workers take seconds to load their model; they start first, the front ends beside them.
        await self._wait_for_change()
        self._reconcile()
        gateway = Gateway(self._config, self)
        self._gateway = gateway
        while not self._is_stopping and not gateway.has_failed:
            self._reconcile()
            gateway.publish(self._routes())
            await self._wait_for_change()
        watching.cancel()
        await self._shut_down(gateway)
        admin.should_exit = admin.force_exit = True
        await administration
        _LOG.info("stopped")
        return int(self._is_killed or gateway.has_failed)

    def stop(self) -> None:
        """Begin an orderly end: refuse new work, let the present work end, stop everything."""
        self._is_stopping = True
        self._changed.set()

    def kill(self) -> None:
        """End everything now."""
        self._is_stopping = self._is_killed = True
        self._changed.set()
        if self._gateway is not None:
            self._gateway.kill()
        for fleet in self._fleets.values():
            fleet.kill()

    def worker_idle(self, worker: str) -> None:
        """Part of `GatewayOwner`."""
        for fleet in self._fleets.values():
            fleet.worker_idle(worker)

    def outcomes(self, model: str, version: str, done: int, failed: int) -> None:
        """Part of `GatewayOwner`."""
        if model in self._fleets:
            self._fleets[model].canary.count(version, done, failed)

    def changed(self) -> None:
        """Part of `GatewayOwner`: something has happened, reconcile."""
        self._changed.set()

    async def _shut_down(self, gateway: Gateway) -> None:
        times = {"lag_seconds": self._config.lag_seconds, "grace_seconds": self._config.grace_seconds}
        _LOG.info("shutting down", extra=times)
        await gateway.drain()
        await gateway.stop()
        await asyncio.gather(*(fleet.stop() for fleet in self._fleets.values()))

    async def _wait_for_change(self) -> None:
        await self._changed.wait()
        self._changed.clear()

    async def _watch_channels(self) -> None:
        """Look at every channel about once a period; the jitter keeps replicas from doing so together."""
        while True:
            for fleet in self._fleets.values():
                await fleet.look()
            if self._gateway is not None:
                self._gateway.tell_read_at({name: fleet.read_at() for name, fleet in self._fleets.items()})
            self._changed.set()
            jitter = random.uniform(1 - _POLL_JITTER, 1 + _POLL_JITTER)
            await asyncio.sleep(self._config.channel_poll_seconds * jitter)

    def _reconcile(self) -> None:
        for fleet in self._fleets.values():
            fleet.reconcile()

    def _routes(self) -> Message:
        return {
            "type": "routes",
            "models": [fleet.routes() for fleet in self._fleets.values()],
            "default_model": self._models[0],
            "draining": False,
        }

    def _fleet(self, model: str) -> Fleet:
        config = self._config
        fleet_config = FleetConfig(
            model, config.channels, config.workers, config.drain_seconds, config.grace_seconds
        )
        return Fleet(fleet_config, self._repository, self._deploy, self._send_away, self._memory)

    def _deploy(self, version: VersionPath) -> Deployment:
        # Where nobody is served yet there is nobody to disturb.
        is_quiet = any(fleet.serving for fleet in self._fleets.values())
        plan = WorkerPlan(
            self._config,
            version.model,
            version.version,
            version.path,
            self._sockets,
            self._ids,
            lane=self._lane if is_quiet else None,
        )
        return Deployment(plan, self._changed.set)

    def _send_away(self, worker: str, grace_seconds: float) -> None:
        if self._gateway is not None:
            self._gateway.send_away(worker, grace_seconds)

    def _admin_server(self) -> HttpServer:
        def begin_drain() -> float:
            self.stop()
            return self._config.lag_seconds + self._config.grace_seconds

        operator = Operator(
            self._fleets, self._repository, self._memory, lambda: self._gateway, self.changed, begin_drain
        )
        return HttpServer.listen(
            make_admin_app(operator), _ADMIN_HOST, self._config.admin_port, grace_seconds=1
        )
