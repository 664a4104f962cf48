"""What an operator may see and do, while everything runs."""

import asyncio
from collections.abc import Callable, Mapping

from codec.errors import InvalidRequestError, NotFoundError, RepositoryError
from codec.repository import Repository
from service.admin.schema import (
    CanaryRequest,
    CanaryStatus,
    ChannelStatus,
    DrainAnswer,
    FrontEndStatus,
    ModelStatus,
    PromoteRequest,
    RejectedVersion,
    RollbackRequest,
    ServiceStatus,
    VersionChoice,
    VersionState,
    VersionStatus,
    WorkerStatus,
)
from service.supervisor.channel_target import ChannelTarget
from service.supervisor.deployment import Deployment
from service.supervisor.fleet import Fleet
from service.supervisor.gateway import Gateway
from service.supervisor.memory import Memory


class Operator:
    """The admin interface's way to the parts of the supervisor.

    Channels move in the repository, so that all services that watch it follow; canary weights are this
    service's own, and are gone when it ends. `changed` has the supervisor reconcile, `stop` ends it.
    """

    def __init__(
        self,
        fleets: Mapping[str, Fleet],
        repository: Repository,
        memory: Memory,
        gateway: Callable[[], Gateway | None],
        changed: Callable[[], None],
        stop: Callable[[], float],
    ) -> None:
        self._fleets = fleets
        self._repository = repository
        self._memory = memory
        self._gateway = gateway
        self._changed = changed
        self._stop = stop
        self._is_draining = False

    def status(self) -> ServiceStatus:
        """Everything that runs."""
        gateway = self._gateway()
        front_ends = gateway.processes() if gateway is not None else []
        return ServiceStatus(
            draining=self._is_draining,
            available_bytes=self._memory.available_bytes(),
            frontends=[FrontEndStatus(**front_end) for front_end in front_ends],
            models=[self._model(fleet) for fleet in self._fleets.values()],
        )

    async def check(self, model: str) -> ModelStatus:
        """Look where the channels point now; try again what found no memory. Raises `NotFoundError`."""
        fleet = self._fleet(model)
        fleet.retry()
        await fleet.look()
        self._changed()
        return self._model(fleet)

    async def promote(self, model: str, request: PromoteRequest) -> VersionChoice:
        """Point a channel at a version.

        Raises `NotFoundError` for a model that is not served or a version that is not published, and
        `InvalidRequestError` for a bad channel name or one that is not watched.
        """
        fleet = self._fleet(model)
        return await self._point(fleet, self._target(fleet, request.channel).name, request.version)

    async def rollback(self, model: str, request: RollbackRequest) -> VersionChoice:
        """Point a channel at the version that served before. Raises as `promote`, and
        `InvalidRequestError` if none is known."""
        fleet = self._fleet(model)
        target = self._target(fleet, request.channel)
        if not target.previous:
            raise InvalidRequestError(
                f"no version of {model} has served on {target.name} before this one that anybody noted; "
                "promote the version that you want"
            )
        return await self._point(fleet, target.name, target.previous)

    async def canary(self, model: str, request: CanaryRequest) -> ModelStatus:
        """Give the version of a channel a share of the work. Raises as `promote`."""
        fleet = self._fleet(model)
        default = fleet.targets[0].name
        if request.channel == default:
            raise InvalidRequestError(f"{default} serves all that goes to no canary; name another channel")
        if request.version is not None:
            await self._point(fleet, request.channel, request.version)
        else:
            self._read(model, request.channel)
            fleet.follow(request.channel)
            await fleet.look()
        fleet.canary.give(request.channel, request.weight)
        self._changed()
        return self._model(fleet)

    def drain(self) -> DrainAnswer:
        """Begin an orderly end, as SIGTERM does."""
        self._is_draining = True
        return DrainAnswer(grace_seconds=self._stop())

    async def _point(self, fleet: Fleet, channel: str, version: str) -> VersionChoice:
        model = fleet.config.model
        try:
            # In a thread: whoever publishes now holds the lock, and moves take their turn.
            moved = await asyncio.to_thread(self._repository.set_channel, model, channel, version)
        except NotFoundError:
            raise
        except RepositoryError as error:
            raise InvalidRequestError(str(error)) from error
        # It is to be tried anew; what is listed from now on is of that try.
        fleet.rejections.forgive(version)
        fleet.follow(channel)
        await fleet.look()
        self._changed()
        return VersionChoice(model=model, channel=channel, version=moved.version, generation=moved.generation)

    def _read(self, model: str, channel: str) -> None:
        try:
            self._repository.read_channel(model, channel)
        except NotFoundError:
            raise
        except RepositoryError as error:
            raise InvalidRequestError(str(error)) from error

    def _fleet(self, model: str) -> Fleet:
        if model not in self._fleets:
            raise NotFoundError(f"{model} is not served; there is: {', '.join(self._fleets)}")
        return self._fleets[model]

    def _target(self, fleet: Fleet, channel: str) -> ChannelTarget:
        for target in fleet.targets:
            if channel in ("", target.name):
                return target
        watched = ", ".join(target.name for target in fleet.targets)
        raise InvalidRequestError(
            f"channel {channel} of {fleet.config.model} is not served; there is: {watched}. Start the "
            "service with --channels, or give the channel a canary weight"
        )

    def _model(self, fleet: Fleet) -> ModelStatus:
        versions = [self._version(deployment, "serving") for deployment in fleet.serving]
        if fleet.candidate is not None:
            versions.append(self._version(fleet.candidate, "candidate"))
        versions += [self._version(deployment, "draining") for deployment in fleet.draining]
        canary = fleet.canary
        return ModelStatus(
            name=fleet.config.model,
            channels=[_channel(target) for target in fleet.targets],
            versions=versions,
            rejected=[RejectedVersion(**rejected) for rejected in fleet.rejections.listed()],
            canary=CanaryStatus(channel=canary.channel, weight=canary.weight, withdrawn=canary.withdrawn),
        )

    def _version(self, deployment: Deployment, state: VersionState) -> VersionStatus:
        return VersionStatus(
            version=deployment.version,
            state=state,
            workers=[
                WorkerStatus(
                    id=worker.id,
                    pid=worker.pid,
                    resident_bytes=self._memory.resident_bytes(worker.pid),
                    own_bytes=self._memory.own_bytes(worker.pid),
                    **self._load(worker.id),
                )
                for worker in deployment.workers
            ],
            starting=deployment.starting,
        )

    def _load(self, worker: str) -> dict[str, int]:
        gateway = self._gateway()
        return gateway.load(worker) if gateway is not None else {"streams": 0, "jobs": 0}


def _channel(target: ChannelTarget) -> ChannelStatus:
    wanted = target.wanted
    return ChannelStatus(
        name=target.name,
        points_at=wanted.version if wanted is not None else "",
        generation=wanted.generation if wanted is not None else 0,
        serving=target.version,
        previous=target.previous,
        problem=target.problem,
    )
