"""The routing table that the supervisor sends."""

from dataclasses import dataclass, field
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class WorkerRoute:
    """Where a worker listens, and what it serves; a draining one gets no new work."""

    id: str
    socket: str
    version: str
    draining: bool


@dataclass(frozen=True, slots=True)
class Rejection:
    """A version that was published and not taken, and why."""

    version: str
    stage: str
    reason: str


@dataclass(frozen=True, slots=True)
class Canary:
    """A version that gets a share of the work that names no version; `weight`: 0 = none, 1 = all."""

    version: str
    weight: float


@dataclass(frozen=True, slots=True)
class ModelRoutes:
    """The workers of one model, where its channels point, and the versions that were refused.

    `channels`: version by channel, the channel for requests that name none first; "" = none serves yet.
    """

    name: str
    channels: dict[str, str]
    workers: tuple[WorkerRoute, ...] = ()
    rejected: tuple[Rejection, ...] = ()
    canary: Canary | None = None

    @property
    def version(self) -> str:
        """What requests get that ask for nothing special; "" = nothing serves yet."""
        return next(iter(self.channels.values()), "")


@dataclass(frozen=True, slots=True)
class RoutingTable:
    """All models by name; `default_model` is meant where a request names none.

    `number` grows from table to table, so that an answer can say which one it is about.
    """

    models: dict[str, ModelRoutes] = field(default_factory=dict)
    default_model: str = ""
    draining: bool = False
    number: int = 0

    @classmethod
    def from_message(cls, message: dict[str, Any]) -> Self:
        """The table out of a `routes` message; raises `KeyError` or `TypeError` for anything else."""
        models = {}
        for model in message["models"]:
            workers = tuple(WorkerRoute(**worker) for worker in model["workers"])
            rejected = tuple(Rejection(**version) for version in model["rejected"])
            canary = Canary(**model["canary"]) if model["canary"] else None
            name = model["name"]
            models[name] = ModelRoutes(name, model["channels"], workers, rejected, canary)
        return cls(models, message["default_model"], message["draining"], message["number"])

    def workers(self) -> dict[str, WorkerRoute]:
        """Every worker by id."""
        return {worker.id: worker for model in self.models.values() for worker in model.workers}
