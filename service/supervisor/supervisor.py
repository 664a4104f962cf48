"""The supervisor's loop: notice changes, reconcile every model, tell the front end."""

import asyncio
import itertools
import logging
import random
from collections.abc import Iterator
from pathlib import Path

from codec.repository import Repository, VersionPath
from service.config import ServeConfig
from service.supervisor.child import Message
from service.supervisor.deployment import Deployment
from service.supervisor.fleet import Fleet, FleetConfig
from service.supervisor.gateway import Gateway
from service.supervisor.seat import WorkerPlan

_LOG = logging.getLogger(__name__)
_POLL_JITTER = 0.2


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
        self._ids: Iterator[str] = (f"w{number}" for number in itertools.count(1))
        self._changed = asyncio.Event()
        self._is_stopping = False
        self._is_killed = False
        self._fleets = {model: self._fleet(model) for model in models}
        self._gateway: Gateway | None = None

    async def run(self) -> int:
        """Serve until told to end; the exit status, 0 after an orderly end."""
        watching = asyncio.create_task(self._watch_channels())
        # Workers take seconds to load their model; they start first, the front end beside them.
        await self._wait_for_change()
        self._reconcile()
        gateway = Gateway(self._config, self._worker_idle, self._changed.set)
        self._gateway = gateway
        while not self._is_stopping and not gateway.has_failed:
            self._reconcile()
            gateway.publish(self._routes())
            await self._wait_for_change()
        watching.cancel()
        await self._shut_down(gateway)
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

    async def _shut_down(self, gateway: Gateway) -> None:
        _LOG.info("shutting down", extra={"grace_seconds": self._config.grace_seconds})
        await gateway.drain()
        await gateway.stop()
        await asyncio.gather(*(fleet.stop() for fleet in self._fleets.values()))
        _LOG.info("stopped")

    async def _wait_for_change(self) -> None:
        await self._changed.wait()
        self._changed.clear()

    async def _watch_channels(self) -> None:
        """Look at every channel about once a period; the jitter keeps replicas from doing so together."""
        while True:
            for fleet in self._fleets.values():
                await fleet.look()
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
        config = FleetConfig(
            model, self._config.channel, self._config.drain_seconds, self._config.grace_seconds
        )
        return Fleet(config, self._repository, self._deploy, self._send_away)

    def _deploy(self, version: VersionPath) -> Deployment:
        plan = WorkerPlan(
            self._config, version.model, version.version, version.path, self._sockets, self._ids
        )
        return Deployment(plan, self._changed.set)

    def _send_away(self, worker: str, grace_seconds: float) -> None:
        if self._gateway is not None:
            self._gateway.send_away(worker, grace_seconds)

    def _worker_idle(self, worker: str) -> None:
        for fleet in self._fleets.values():
            fleet.worker_idle(worker)
