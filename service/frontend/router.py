"""Which worker gets a request: versions, channels, canaries, token spaces, the least loaded of several."""

import asyncio
import hashlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from service.frontend.backlog import BacklogLimits
from service.frontend.roster import Roster
from service.frontend.routes import Canary, ModelRoutes, Rejection, RoutingTable
from service.frontend.selector import ModelSelector
from service.frontend.worker_link import WorkerLink
from service.model_info import ModelInfo
from service.request_context import CALLER, REQUEST_ID
from service.status import Condition, ServiceError

_HASH_BYTES = 8
_HASH_SPAN = 2.0**64


@dataclass(frozen=True, slots=True)
class _Served:
    """The workers of a model by version; `default`: those for requests that ask for nothing special."""

    by_version: dict[str, list[WorkerLink]]
    default: list[WorkerLink]
    canary: Canary | None = None


class Router:
    """Chooses between the workers of a routing table.

    New work goes to workers that are not draining; those that drain serve only until there are others,
    and callers that name their version. `tell` sends an event to the supervisor, `changed` is called
    whenever workers come or go.
    """

    def __init__(
        self, limits: BacklogLimits, tell: Callable[[dict[str, Any]], None], changed: Callable[[], None]
    ) -> None:
        self.load_failures: Counter[tuple[str, str]] = Counter()
        self._rejections: set[tuple[str, Rejection]] = set()
        self._roster = Roster(limits, tell, self._workers_changed)
        self._told_of_changes = changed
        self._models: dict[str, _Served] = {}
        self._change = asyncio.Event()

    @property
    def table(self) -> RoutingTable:
        """The routing table in force."""
        return self._roster.table

    @property
    def links(self) -> list[WorkerLink]:
        """The workers that are there and have said what they serve."""
        return self._roster.links

    @property
    def workers_lost(self) -> int:
        """Workers that ended without being asked to."""
        return self._roster.workers_lost

    @property
    def ready(self) -> bool:
        """Whether the default model can be served."""
        served = self._models.get(self.table.default_model)
        return bool(served and served.default)

    def report(self) -> dict[str, Any]:
        """The event that tells the supervisor how things are."""
        return self._roster.report()

    def update(self, table: RoutingTable) -> None:
        """Take a new table."""
        rejections = {(model.name, version) for model in table.models.values() for version in model.rejected}
        self.load_failures.update((name, version.stage) for name, version in rejections - self._rejections)
        self._rejections |= rejections
        self._roster.update(table)

    def close(self) -> None:
        """Drop every connection."""
        self._roster.close()

    def serving(self) -> list[ModelInfo]:
        """One entry for each model: the version that new work gets."""
        return [infos[0] for served in self._models.values() if (infos := _infos(served.default))]

    async def watch(self) -> AsyncIterator[list[ModelInfo]]:
        """What `serving` says, at once and whenever that changes."""
        told: list[ModelInfo] | None = None
        while True:
            change = self._change
            if (now := self.serving()) != told:
                told = now
                yield now
            await change.wait()

    def versions(self, model: str) -> list[ModelInfo]:
        """Every version of a model that can be asked for now."""
        served = self._models.get(model)
        return _infos(links[0] for links in served.by_version.values()) if served else []

    def resolve(self, selector: ModelSelector) -> ModelInfo:
        """The version that `selector` means for the present caller.

        Raises `ServiceError`: NOT_FOUND for an unknown model or channel and for a version that is not
        loaded, UNAVAILABLE while no worker of it runs.
        """
        return _infos(self._candidates(selector))[0]

    def resolve_tokens(self, selector: ModelSelector, token_space: str) -> ModelInfo:
        """The version that decodes tokens of `token_space`; the served version where it can.

        Where `selector` names no model, any model of that token space will do. Raises as `resolve`, and
        TOKEN_SPACE_MISMATCH if nothing that may be used has these codebooks.
        """
        if not selector.model:
            everywhere = [info for name in self.table.models for info in self.versions(name)]
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
        served = self._models.get(info.model)
        same = served.by_version.get(info.version) if served else None
        if not same:
            raise _unavailable(info.model)
        if stream:
            return min(same, key=lambda link: (link.slots_taken, link.load_seconds))
        return min(same, key=lambda link: link.load_seconds)

    def _workers_changed(self) -> None:
        """Lists of links by model, so that a request costs no search."""
        self._models = {name: self._served(model) for name, model in self.table.models.items()}
        self._told_of_changes()
        self._change.set()
        self._change = asyncio.Event()

    def _served(self, model: ModelRoutes) -> _Served:
        fresh: dict[str, list[WorkerLink]] = {}
        old: dict[str, list[WorkerLink]] = {}
        for worker in model.workers:
            if (link := self._roster.usable(worker.id)) is not None:
                (old if worker.draining else fresh).setdefault(worker.version, []).append(link)
        by_version = fresh | {version: links for version, links in old.items() if version not in fresh}
        replaced = [link for links in old.values() for link in links]
        default = by_version.get(model.version) or replaced
        canary = model.canary
        has_share = canary is not None and canary.version in fresh and canary.version != model.version
        return _Served(by_version, default, canary if has_share else None)

    def _candidates(self, selector: ModelSelector) -> list[WorkerLink]:
        model = selector.model or self.table.default_model
        routes, served = self.table.models.get(model), self._models.get(model)
        if not self.table.models:
            # A front end that has just been started again: it does not know yet what there is.
            raise _unavailable(model or "any model")
        if routes is None or served is None:
            raise _not_found("model", model, self.table.models)
        version = selector.version
        if selector.channel and not version:
            if selector.channel not in routes.channels:
                raise _not_found("channel", selector.channel, routes.channels)
            version = routes.channels[selector.channel]
            is_default = selector.channel == next(iter(routes.channels))
            links = served.default if is_default else served.by_version.get(version)
        elif version:
            links = served.by_version.get(version)
        else:
            links = served.default
            if served.canary is not None and _is_chosen(served.canary):
                links = served.by_version[served.canary.version]
        if links:
            return links
        if not selector.version or any(worker.version == version for worker in routes.workers):
            raise _unavailable(f"{model}@{version}" if version else model)
        raise _not_loaded(version, routes, self.versions(model))


def _is_chosen(canary: Canary) -> bool:
    """Whether the present request belongs to the canary's share; the same for all requests of a caller.

    Where callers are not told apart it is the request that decides, so that at least all parts of one
    request and the whole of a stream stay together.
    """
    key = CALLER.get() or REQUEST_ID.get()
    if not key:
        return random.random() < canary.weight
    digest = hashlib.blake2b(f"{canary.version} {key}".encode(), digest_size=_HASH_BYTES).digest()
    return int.from_bytes(digest) < canary.weight * _HASH_SPAN


def _infos(links: Iterable[WorkerLink]) -> list[ModelInfo]:
    return [link.info for link in links if link.info is not None]


def _unavailable(what: str) -> ServiceError:
    return ServiceError(Condition.UNAVAILABLE, f"no worker of {what} is running; ask again in a moment")


def _not_found(kind: str, name: str, known: Iterable[str]) -> ServiceError:
    listed = ", ".join(known) or "none"
    return ServiceError(Condition.NOT_FOUND, f"unknown {kind} {name!r}; there is: {listed}")


def _not_loaded(version: str, routes: ModelRoutes, loaded: Iterable[ModelInfo]) -> ServiceError:
    channel_of = {pointed: f" ({channel})" for channel, pointed in reversed(routes.channels.items())}
    listed = ", ".join(info.version + channel_of.get(info.version, "") for info in loaded) or "none"
    return ServiceError(
        Condition.NOT_FOUND,
        f"version {version} of {routes.name} is not loaded; loaded: {listed}. Name one of these, or have "
        "the operator point a channel at it",
    )
