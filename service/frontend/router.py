"""Which worker gets a request: versions, channels, token spaces, and the least loaded of several."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from service.frontend.routes import Rejection, RoutingTable, WorkerRoute
from service.frontend.selector import ModelSelector
from service.frontend.worker_link import WorkerLink
from service.model_info import ModelInfo
from service.status import Condition, ServiceError

logger = logging.getLogger(__name__)

_RETRY_SECONDS = 0.1


class Router:
    """Keeps a link to every worker of the routing table and chooses between them.

    New work goes to workers that are not draining; those that drain serve only until there are others,
    and callers that name their version. `tell` sends an event to the supervisor, `changed` is called
    whenever workers come or go.
    """

    def __init__(
        self, channel: str, max_jobs: int, tell: Callable[[dict[str, Any]], None], changed: Callable[[], None]
    ) -> None:
        self.table = RoutingTable()
        self.workers_lost = 0
        self.load_failures: Counter[tuple[str, str]] = Counter()
        self._rejections: set[tuple[str, Rejection]] = set()
        self._channel = channel
        self._max_jobs = max_jobs
        self._tell = tell
        self._changed = changed
        self._links: dict[str, WorkerLink] = {}
        self._usable: dict[str, list[WorkerLink]] = {}
        self._serving: dict[str, list[WorkerLink]] = {}
        self._connecting: dict[str, asyncio.Task[None]] = {}
        self._reported_idle: set[str] = set()

    @property
    def links(self) -> list[WorkerLink]:
        """The workers that are there and have said what they serve."""
        return list(self._links.values())

    @property
    def ready(self) -> bool:
        """Whether the default model can be served."""
        return bool(self._serving.get(self.table.default_model))

    def update(self, table: RoutingTable) -> None:
        """Take a new table: connect to new workers, forget those that are gone."""
        known = self.table.workers()
        self.table = table
        wanted = table.workers()
        for worker_id, before in known.items():
            if worker_id not in wanted or wanted[worker_id].socket != before.socket:
                self._forget(worker_id, expected=before.draining or table.draining)
        for route in wanted.values():
            if route.id not in self._links and route.id not in self._connecting:
                self._connect(route)
        rejections = {(model.name, version) for model in table.models.values() for version in model.rejected}
        self.load_failures.update((name, version.stage) for name, version in rejections - self._rejections)
        self._rejections |= rejections
        self._settle()

    def close(self) -> None:
        """Drop every connection."""
        for worker_id in list(self.table.workers()):
            self._forget(worker_id, expected=True)
        self.table = RoutingTable()
        self._settle()

    def serving(self) -> list[ModelInfo]:
        """One entry for each model: the version that new work gets."""
        return [infos[0] for links in self._serving.values() if (infos := _infos(links))]

    def versions(self, model: str) -> list[ModelInfo]:
        """Every version of a model that can be asked for now."""
        return list({info.version: info for info in _infos(self._usable.get(model, []))}.values())

    def resolve(self, selector: ModelSelector) -> ModelInfo:
        """The version that `selector` means now.

        Raises `ServiceError`: NOT_FOUND for an unknown model, version or channel, UNAVAILABLE while no
        worker of it runs.
        """
        return _infos(self._candidates(selector))[0]

    def resolve_tokens(self, selector: ModelSelector, token_space: str) -> ModelInfo:
        """The version that decodes tokens of `token_space`; the served version where it can.

        Where `selector` names no model, any model of that token space will do. Raises as `resolve`, and
        TOKEN_SPACE_MISMATCH if nothing that may be used has these codebooks.
        """
        if not selector.model:
            everywhere = [info for name in self.table.models for info in _infos(self._usable[name])]
            served = [*self.serving(), *everywhere]
            for info in served:
                if info.token_space == token_space:
                    return info
        info = self.resolve(selector)
        if info.token_space == token_space:
            return info
        if not selector.version:
            for other in self.versions(info.model):
                if other.token_space == token_space:
                    return other
        raise ServiceError(
            Condition.TOKEN_SPACE_MISMATCH,
            f"the tokens are of token space {token_space}, {info.model}@{info.version} decodes "
            f"{info.token_space}; decode them with the model that made them",
        )

    def pick(self, info: ModelInfo, *, stream: bool = False) -> WorkerLink:
        """The least loaded worker of a version; raises `ServiceError` UNAVAILABLE if none is left."""
        same = _of_version(self._usable.get(info.model, []), info.version)
        if not same:
            raise _unavailable(info.model)
        if stream:
            return min(same, key=lambda link: (link.streams, link.load_seconds))
        return min(same, key=lambda link: link.load_seconds)

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
        self._report_idle()

    def _connect(self, route: WorkerRoute, after_seconds: float = 0.0) -> None:
        task = asyncio.get_running_loop().create_task(self._connect_until_there(route, after_seconds))
        self._connecting[route.id] = task

    async def _connect_until_there(self, route: WorkerRoute, after_seconds: float) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(after_seconds)
        while True:
            try:
                await loop.create_unix_connection(
                    lambda: WorkerLink(route.id, self, self._max_jobs), route.socket
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

    def _report_idle(self) -> None:
        """Tell which draining workers have nothing to do, once their successors are there."""
        told = False
        for model in self.table.models.values():
            if not any(not worker.draining and worker.id in self._links for worker in model.workers):
                continue
            for worker in model.workers:
                link = self._links.get(worker.id)
                if worker.draining and link and link.idle and worker.id not in self._reported_idle:
                    self._reported_idle.add(worker.id)
                    self._tell({"event": "idle", "worker": worker.id})
                    told = True
        if told:
            self._index()

    def _settle(self) -> None:
        self._report_idle()
        self._index()
        self._changed()

    def _index(self) -> None:
        """Lists of links by model, so that a request costs no search."""
        for name, model in self.table.models.items():
            usable = [
                worker
                for worker in model.workers
                if worker.id in self._links and worker.id not in self._reported_idle
            ]
            fresh = [self._links[worker.id] for worker in usable if not worker.draining]
            old = [self._links[worker.id] for worker in usable if worker.draining]
            self._usable[name] = fresh + old
            self._serving[name] = fresh or old
        for name in self._usable.keys() - self.table.models.keys():
            del self._usable[name], self._serving[name]

    def _candidates(self, selector: ModelSelector) -> list[WorkerLink]:
        model = selector.model or self.table.default_model
        routes = self.table.models.get(model)
        if routes is None:
            raise _not_found("model", model, self.table.models)
        if selector.channel and selector.channel != self._channel:
            raise _not_found("channel", selector.channel, [self._channel])
        if not selector.version:
            if not (links := self._serving[model]):
                raise _unavailable(model)
            return links
        if links := _of_version(self._usable[model], selector.version):
            return links
        if any(worker.version == selector.version for worker in routes.workers):
            raise _unavailable(f"{model}@{selector.version}")
        raise _not_found("version", selector.version, [info.version for info in self.versions(model)])


def _infos(links: Iterable[WorkerLink]) -> list[ModelInfo]:
    return [link.info for link in links if link.info is not None]


def _of_version(links: Iterable[WorkerLink], version: str) -> list[WorkerLink]:
    return [link for link in links if link.info is not None and link.info.version == version]


def _unavailable(what: str) -> ServiceError:
    return ServiceError(Condition.UNAVAILABLE, f"no worker of {what} is running; ask again in a moment")


def _not_found(kind: str, name: str, known: Iterable[str]) -> ServiceError:
    listed = ", ".join(known) or "none"
    return ServiceError(Condition.NOT_FOUND, f"unknown {kind} {name!r}; there is: {listed}")
