"""The links to all workers of the routing table: made, lost, made again, and given up when idle."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from typing import Any

from service.frontend.backlog import BacklogLimits
from service.frontend.routes import RoutingTable, WorkerRoute
from service.frontend.worker_link import WorkerLink

logger = logging.getLogger(__name__)

_RETRY_SECONDS = 0.1


class Roster:
    """Keeps a link to every worker of the table.

    `tell` sends an event to the supervisor, `changed` is called whenever workers come or go.
    """

    def __init__(
        self, limits: BacklogLimits, tell: Callable[[dict[str, Any]], None], changed: Callable[[], None]
    ) -> None:
        self.table = RoutingTable()
        self.workers_lost = 0
        self._limits = limits
        self._tell = tell
        self._changed = changed
        self._links: dict[str, WorkerLink] = {}
        self._connecting: dict[str, asyncio.Task[None]] = {}
        self._reported_idle: set[str] = set()
        self._done: Counter[tuple[str, str]] = Counter()
        self._failed: Counter[tuple[str, str]] = Counter()

    @property
    def links(self) -> list[WorkerLink]:
        """The workers that are there and have said what they serve."""
        return list(self._links.values())

    def usable(self, worker_id: str) -> WorkerLink | None:
        """The link of a worker that may be given work."""
        return None if worker_id in self._reported_idle else self._links.get(worker_id)

    def update(self, table: RoutingTable) -> None:
        """Take a new table: connect to new workers, forget those that are gone."""
        known = self.table.workers()
        self.table = table
        wanted = table.workers()
        for worker_id, before in known.items():
            if worker_id not in wanted or wanted[worker_id].socket != before.socket:
                self._forget(worker_id, expected=before.draining or table.draining)
        for route in wanted.values():
            if not route.draining:
                self._reported_idle.discard(route.id)
            if route.id not in self._links and route.id not in self._connecting:
                self._connect(route)
        self._settle()

    def close(self) -> None:
        """Drop every connection."""
        for worker_id in list(self.table.workers()):
            self._forget(worker_id, expected=True)
        self.table = RoutingTable()
        self._settle()

    def report(self) -> dict[str, Any]:
        """What is going on by worker, and what became of the work since the last report by version."""
        for link in self._links.values():
            self._count_outcomes(link)
        outcomes = [
            {"model": model, "version": version, "done": done, "failed": self._failed[model, version]}
            for (model, version), done in self._done.items()
        ]
        self._done.clear()
        self._failed.clear()
        workers = {link.worker_id: {"streams": link.streams, "jobs": link.jobs} for link in self.links}
        return {"event": "report", "workers": workers, "outcomes": outcomes}

    def link_ready(self, link: WorkerLink) -> None:
        """Part of `LinkOwner`."""
        if self._connecting.pop(link.worker_id, None) is None:
            link.close()  # the table has forgotten the worker while it was being connected to
            return
        self._links[link.worker_id] = link
        if link.info is not None:
            serves = {"model": link.info.model, "version": link.info.version}
            logger.info("a worker is there", extra={"worker": link.worker_id, **serves})
        self._settle()

    def link_lost(self, link: WorkerLink) -> None:
        """Part of `LinkOwner`: connect again as long as the table says that the worker is there."""
        worker_id = link.worker_id
        self._count_outcomes(link)
        was_serving = self._links.get(worker_id) is link
        if was_serving:
            del self._links[worker_id]
        elif self._connecting.pop(worker_id, None) is None:
            return
        route = self.table.workers().get(worker_id)
        if route is not None and worker_id not in self._reported_idle:
            if was_serving:
                self._count_loss(worker_id)
            self._connect(route, after_seconds=_RETRY_SECONDS)
        self._settle()

    def link_idle(self, link: WorkerLink) -> None:
        """Part of `LinkOwner`."""
        if self._report_idle():
            self._changed()

    def _connect(self, route: WorkerRoute, after_seconds: float = 0.0) -> None:
        task = asyncio.get_running_loop().create_task(self._connect_until_there(route, after_seconds))
        self._connecting[route.id] = task

    async def _connect_until_there(self, route: WorkerRoute, after_seconds: float) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(after_seconds)
        while True:
            try:
                await loop.create_unix_connection(
                    lambda: WorkerLink(route.id, self, self._limits), route.socket
                )
                return
            except OSError as error:
                logger.debug("worker %s does not listen yet: %s", route.id, error)
            await asyncio.sleep(_RETRY_SECONDS)

    def _forget(self, worker_id: str, *, expected: bool) -> None:
        self._reported_idle.discard(worker_id)
        if (task := self._connecting.pop(worker_id, None)) is not None:
            task.cancel()
        if (link := self._links.pop(worker_id, None)) is not None:
            link.close()
            if not expected:
                self._count_loss(worker_id)

    def _count_loss(self, worker_id: str) -> None:
        self.workers_lost += 1
        logger.warning("a worker has gone", extra={"worker": worker_id})

    def _count_outcomes(self, link: WorkerLink) -> None:
        if link.info is None or not (link.done or link.failed):
            return
        version = link.info.model, link.info.version
        self._done[version] += link.done
        self._failed[version] += link.failed
        link.done = link.failed = 0

    def _report_idle(self) -> bool:
        """Tell which draining workers have nothing to do, once their successors are there."""
        told = False
        for model in self.table.models.values():
            if not any(not worker.draining and worker.id in self._links for worker in model.workers):
                continue
            for worker in model.workers:
                link = self._links.get(worker.id)
                if worker.draining and link and link.idle and worker.id not in self._reported_idle:
                    self._reported_idle.add(worker.id)
                    self._tell({"event": "idle", "worker": worker.id, "routes": self.table.number})
                    told = True
        return told

    def _settle(self) -> None:
        self._report_idle()
        self._changed()
