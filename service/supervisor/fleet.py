"""The versions of one model: the one that serves, the one that is to follow, those on their way out."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from codec.errors import RepositoryError
from codec.repository import Channel, Repository, VersionPath
from service.supervisor.deployment import Deployment
from service.supervisor.seat import Rejection

_LOG = logging.getLogger(__name__)
_MAX_REJECTIONS = 32
_LAST_SECONDS = 10.0


@dataclass(slots=True)
class _Draining:
    """A replaced version, and when its callers are to be sent away; `told`: they have been."""

    deployment: Deployment
    deadline: float
    told: bool = False


@dataclass(frozen=True, slots=True)
class FleetConfig:
    """`drain_seconds`: how long a replaced version keeps its streams; `grace_seconds`: and then some."""

    model: str
    channel: str
    drain_seconds: float
    grace_seconds: float


class Fleet:
    """Keeps the version that the channel names in service; a bad one is never served, the old one stays.

    `deploy` starts the workers of a version, `send_away(worker, grace_seconds)` has the front end end
    the streams of a worker. `reconcile` is to be called whenever anything may have changed.
    """

    def __init__(
        self,
        config: FleetConfig,
        repository: Repository,
        deploy: Callable[[VersionPath], Deployment],
        send_away: Callable[[str, float], None],
    ) -> None:
        self.config = config
        self._repository = repository
        self._deploy = deploy
        self._send_away = send_away
        self._wanted: Channel | None = None
        self._channel_problem = ""
        self._serving: Deployment | None = None
        self._candidate: Deployment | None = None
        self._draining: list[_Draining] = []
        self._retired: list[Deployment] = []
        self._rejected: dict[str, tuple[int, Rejection]] = {}

    async def look(self) -> None:
        """Read where the channel points; a channel that cannot be read changes nothing."""
        try:
            # In a thread: a network file system that hangs must not stop us from minding the workers.
            self._wanted = await asyncio.to_thread(
                self._repository.read_channel, self.config.model, self.config.channel
            )
            problem = ""
        except (RepositoryError, OSError) as error:
            problem = str(error)
        if problem and problem != self._channel_problem:
            _LOG.error("a channel cannot be read", extra={"model": self.config.model, "reason": problem})
        self._channel_problem = problem

    def reconcile(self) -> None:
        """Take the next step towards the wanted version."""
        self._judge_candidate()
        self._start_candidate()
        self._promote_candidate()
        self._mind_draining()

    def worker_idle(self, worker_id: str) -> None:
        """A draining worker has nothing left to do."""
        for draining in self._draining:
            draining.deployment.retire_worker(worker_id)

    def routes(self) -> dict[str, Any]:
        """The model's part of the routing table."""
        serving = [(self._serving, False)] if self._serving is not None else []
        everything = serving + [(draining.deployment, True) for draining in self._draining]
        workers = [
            {"id": worker, "socket": socket, "version": deployment.version, "draining": is_draining}
            for deployment, is_draining in everything
            for worker, socket in deployment.workers
        ]
        rejected = [
            {"version": version, "stage": rejection.stage, "reason": rejection.reason}
            for version, (_, rejection) in self._rejected.items()
        ]
        return {"name": self.config.model, "workers": workers, "rejected": rejected}

    async def stop(self) -> None:
        """Stop every worker and wait until they have ended."""
        for deployment in self._deployments():
            deployment.retire()
        await asyncio.gather(*(deployment.stopped() for deployment in self._deployments()))

    def kill(self) -> None:
        """End every worker process now."""
        for deployment in self._deployments():
            deployment.retire()
            deployment.kill()

    def _deployments(self) -> list[Deployment]:
        present = [self._serving, self._candidate, *(draining.deployment for draining in self._draining)]
        return [deployment for deployment in present if deployment is not None] + self._retired

    def _judge_candidate(self) -> None:
        """Give a candidate up that fails its checks, or that is not wanted any more."""
        candidate, wanted = self._candidate, self._wanted
        if candidate is None or wanted is None:
            return
        rejection = candidate.rejection
        if rejection is not None:
            self._rejected.pop(candidate.version, None)
            self._rejected[candidate.version] = (wanted.generation, rejection)
            while len(self._rejected) > _MAX_REJECTIONS:
                del self._rejected[next(iter(self._rejected))]
            extra = {"stage": rejection.stage, "reason": rejection.reason}
            _LOG.error("version rejected", extra=self._names(candidate.version) | extra)
        elif candidate.version != wanted.version:
            _LOG.info("version not wanted any more", extra=self._names(candidate.version))
        else:
            return
        self._candidate = None
        self._retire(candidate)

    def _start_candidate(self) -> None:
        wanted = self._wanted
        if wanted is None or self._candidate is not None:
            return
        if self._serving is not None and self._serving.version == wanted.version:
            return
        rejected_at, _ = self._rejected.get(wanted.version, (0, None))
        if rejected_at == wanted.generation:
            return
        try:
            version = self._repository.resolve(f"{self.config.model}@{wanted.version}")
        except RepositoryError as error:
            rejection = Rejection("load", str(error))
            self._rejected[wanted.version] = (wanted.generation, rejection)
            _LOG.error("version rejected", extra=self._names(wanted.version) | {"reason": str(error)})
            return
        _LOG.info("version starting", extra=self._names(wanted.version))
        self._candidate = self._deploy(version)

    def _promote_candidate(self) -> None:
        """Serve the candidate once all its workers are ready; where nothing is served, the first will do."""
        candidate, old = self._candidate, self._serving
        if candidate is None or not (candidate.is_complete or (old is None and candidate.workers)):
            return
        self._candidate = None
        self._serving = candidate
        self._rejected.pop(candidate.version, None)
        _LOG.info("version serving", extra=self._names(candidate.version))
        if old is not None:
            self._draining.append(_Draining(old, time.monotonic() + self.config.drain_seconds))

    def _mind_draining(self) -> None:
        now = time.monotonic()
        for draining in self._draining:
            deployment = draining.deployment
            deployment.retire_vacant()
            if now >= draining.deadline and not draining.told:
                draining.told = True
                for worker, _ in deployment.workers:
                    self._send_away(worker, self.config.grace_seconds)
            if now >= draining.deadline + self.config.grace_seconds + _LAST_SECONDS:
                deployment.retire()
        for draining in self._draining:
            if draining.deployment.is_over:
                _LOG.info("version gone", extra=self._names(draining.deployment.version))
        self._draining = [draining for draining in self._draining if not draining.deployment.is_over]
        self._retired = [deployment for deployment in self._retired if not deployment.is_over]

    def _retire(self, deployment: Deployment) -> None:
        deployment.retire()
        self._retired.append(deployment)

    def _names(self, version: str) -> dict[str, str]:
        return {"model": self.config.model, "version": version}
