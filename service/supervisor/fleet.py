"""The versions of one model: those that serve, the one that is to follow, those on their way out."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from codec.errors import RepositoryError
from codec.repository import Repository, VersionPath
from service.supervisor.canary import Canary
from service.supervisor.channel_target import ChannelTarget
from service.supervisor.deployment import Deployment
from service.supervisor.memory import Memory
from service.supervisor.rejections import Rejections
from service.supervisor.seat import Rejection

_LOG = logging.getLogger(__name__)
_LAST_SECONDS = 10.0
_MEMORY_STAGE = "memory"


@dataclass(slots=True)
class _Draining:
    """A replaced version, and when its callers are to be sent away; `told`: they have been."""

    deployment: Deployment
    deadline: float
    told: bool = False


@dataclass(frozen=True, slots=True)
class FleetConfig:
    """`channels`: those that are served side by side, the one for requests that name none first.

    `workers`: processes of one version. `drain_seconds`: how long a replaced version keeps its streams;
    `grace_seconds`: and then some.
    """

    model: str
    channels: tuple[str, ...]
    workers: int
    drain_seconds: float
    grace_seconds: float


class Fleet:
    """Keeps the versions that the channels name in service; a bad one is never served, the old one stays.

    A version runs once, however many channels point at it, and one version at a time gets ready.
    `deploy` starts the workers of a version, `send_away(worker, grace_seconds)` has the front ends end
    the streams of a worker. `reconcile` is to be called whenever anything may have changed.
    """

    def __init__(
        self,
        config: FleetConfig,
        repository: Repository,
        deploy: Callable[[VersionPath], Deployment],
        send_away: Callable[[str, float], None],
        memory: Memory,
    ) -> None:
        self.config = config
        self.canary = Canary(config.model)
        self.rejections = Rejections(config.model)
        self.candidate: Deployment | None = None
        self._repository = repository
        self._deploy = deploy
        self._send_away = send_away
        self._memory = memory
        self._targets = {name: self._target(name) for name in config.channels}
        self._draining: list[_Draining] = []
        self._retired: list[Deployment] = []

    @property
    def targets(self) -> list[ChannelTarget]:
        """The channels, the default one first."""
        return list(self._targets.values())

    @property
    def serving(self) -> list[Deployment]:
        """The versions that channels answer with."""
        deployments = [target.serving for target in self.targets if target.serving is not None]
        return list(dict.fromkeys(deployments))

    @property
    def draining(self) -> list[Deployment]:
        """The versions that only finish what they have."""
        return [draining.deployment for draining in self._draining]

    def follow(self, channel: str) -> None:
        """Watch and serve one more channel."""
        self._targets.setdefault(channel, self._target(channel))

    async def look(self) -> None:
        """Read where the channels point."""
        for target in self.targets:
            # In a thread: a network file system that hangs must not stop us from minding the workers.
            await asyncio.to_thread(target.look, self._repository)

    def read_at(self) -> dict[str, float]:
        """When the channels were read last, in seconds since 1970; those that never were left out."""
        return {target.name: target.read_at for target in self.targets if target.read_at}

    def reconcile(self) -> None:
        """Take the next step towards the wanted versions."""
        self._judge_candidate()
        for target in self.targets:
            self._advance(target)
        self._judge_canary()
        self._mind_draining()

    def retry(self) -> None:
        """Try again what was refused for want of memory."""
        self.rejections.forgive_stage(_MEMORY_STAGE)

    def worker_idle(self, worker_id: str) -> None:
        """A draining worker has nothing left to do."""
        for deployment in self.draining:
            deployment.retire_worker(worker_id)

    def routes(self) -> dict[str, Any]:
        """The model's part of the routing table."""
        everything = [(deployment, False) for deployment in self.serving]
        everything += [(deployment, True) for deployment in self.draining]
        workers = [
            {"id": worker.id, "socket": worker.socket, "version": deployment.version, "draining": draining}
            for deployment, draining in everything
            for worker in deployment.workers
        ]
        there = [target for target in self.targets if target.wanted is not None]
        canary = self._targets.get(self.canary.channel)
        has_share = self.canary.weight and canary is not None and canary.version
        return {
            "name": self.config.model,
            "channels": {target.name: target.version for target in there},
            "workers": workers,
            "rejected": self.rejections.listed() + self._faulty_channels(),
            "canary": {"version": canary.version, "weight": self.canary.weight}
            if canary is not None and has_share
            else None,
        }

    def _faulty_channels(self) -> list[dict[str, Any]]:
        """Channels that cannot be read, told beside the versions that cannot be served."""
        return [
            {"version": f"@{target.name}", "stage": "channel", "reason": target.fault}
            for target in self.targets
            if target.fault
        ]

    async def stop(self) -> None:
        """Stop every worker and wait until they have ended."""
        deployments = list(self._deployments())
        for deployment in deployments:
            deployment.retire()
        await asyncio.gather(*(deployment.stopped() for deployment in deployments))

    def kill(self) -> None:
        """End every worker process now."""
        for deployment in self._deployments():
            deployment.retire()
            deployment.kill()

    def _deployments(self) -> Iterator[Deployment]:
        yield from self.serving
        yield from self.draining
        yield from self._retired
        if self.candidate is not None:
            yield self.candidate

    def _target(self, channel: str) -> ChannelTarget:
        return ChannelTarget(self.config.model, channel, is_default=channel == self.config.channels[0])

    def _judge_candidate(self) -> None:
        """Give a candidate up that fails its checks, or that is not wanted any more."""
        candidate = self.candidate
        if candidate is None:
            return
        rejection = candidate.rejection
        if rejection is not None:
            self.rejections.add(candidate.version, rejection, self.targets)
        elif any(target.wanted and target.wanted.version == candidate.version for target in self.targets):
            return
        else:
            _LOG.info("version not wanted any more", extra=self._names(candidate.version))
        self.candidate = None
        candidate.retire()
        self._retired.append(candidate)

    def _advance(self, target: ChannelTarget) -> None:
        """Bring one channel nearer to where it points."""
        wanted = target.wanted
        if wanted is None or target.version == wanted.version:
            return
        candidate = self.candidate
        if (running := self._running(wanted.version)) is not None:
            self._switch(target, running)
        elif candidate is None:
            self._start_candidate(target, wanted.version)
        elif candidate.version == wanted.version and (
            # Where nothing is served, the first worker will do.
            candidate.is_complete or (target.serving is None and candidate.workers)
        ):
            self.candidate = None
            self.rejections.forgive(candidate.version)
            self._switch(target, candidate)

    def _running(self, version: str) -> Deployment | None:
        """A deployment of the version that serves another channel, or one that drains and is still whole."""
        for deployment in self.serving:
            if deployment.version == version:
                return deployment
        for draining in self._draining:
            deployment = draining.deployment
            if deployment.version == version and deployment.is_complete and not draining.told:
                self._draining.remove(draining)
                return deployment
        return None

    def _start_candidate(self, target: ChannelTarget, version: str) -> None:
        if self.rejections.holds(target):
            return
        try:
            path = self._repository.resolve(f"{self.config.model}@{version}")
        except (RepositoryError, OSError) as error:
            self.rejections.add(version, Rejection("load", str(error)), self.targets)
            return
        if shortage := self._shortage():
            self.rejections.add(version, Rejection(_MEMORY_STAGE, shortage), self.targets)
            return
        _LOG.info("version starting", extra=self._names(version))
        self.candidate = self._deploy(path)

    def _shortage(self) -> str:
        """Why another version finds no room beside those that run, "" if it does.

        It is taken to need as much as the largest worker that runs now, in every worker.
        """
        present = [worker.pid for deployment in self._deployments() for worker in deployment.workers]
        needed = self.config.workers * max(map(self._memory.own_bytes, present), default=0)
        available = self._memory.available_bytes()
        if needed <= available:
            return ""
        return (
            f"{self.config.workers} more workers need about {needed / 1e6:.0f} MB, as the present ones do, "
            f"and {available / 1e6:.0f} MB are left; run fewer workers, or add memory and check again"
        )

    def _switch(self, target: ChannelTarget, deployment: Deployment) -> None:
        replaced = target.serve(deployment)
        if replaced is not None and replaced not in self.serving:
            self._draining.append(_Draining(replaced, time.monotonic() + self.config.drain_seconds))

    def _judge_canary(self) -> None:
        """Take the canary's share back if it does worse than the default version."""
        canary = self._targets.get(self.canary.channel)
        if canary is None or not self.canary.weight:
            return
        if self.rejections.holds(canary):
            self.canary.withdraw(f"the version that {canary.name} points at was rejected")
        elif canary.serving is not None:
            self.canary.judge(canary.version, self.targets[0].version)

    def _mind_draining(self) -> None:
        now = time.monotonic()
        for draining in self._draining:
            deployment = draining.deployment
            deployment.retire_vacant()
            if now >= draining.deadline and not draining.told:
                draining.told = True
                for worker in deployment.workers:
                    self._send_away(worker.id, self.config.grace_seconds)
            if now >= draining.deadline + self.config.grace_seconds + _LAST_SECONDS:
                deployment.retire()
        for deployment in self.draining:
            if deployment.is_over:
                _LOG.info("version gone", extra=self._names(deployment.version))
        self._draining = [draining for draining in self._draining if not draining.deployment.is_over]
        self._retired = [deployment for deployment in self._retired if not deployment.is_over]

    def _names(self, version: str) -> dict[str, str]:
        return {"model": self.config.model, "version": version}
