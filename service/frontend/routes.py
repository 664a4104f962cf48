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
class ModelRoutes:
    """The workers of one model, and the versions that were refused."""

    name: str
    workers: tuple[WorkerRoute, ...] = ()
    rejected: tuple[Rejection, ...] = ()


@dataclass(frozen=True, slots=True)
class RoutingTable:
    """All models by name; `default_model` is meant where a request names none."""

    models: dict[str, ModelRoutes] = field(default_factory=dict)
    default_model: str = ""
    draining: bool = False

    @classmethod
    def from_message(cls, message: dict[str, Any]) -> Self:
        """The table out of a `routes` message; raises `KeyError` or `TypeError` for anything else."""
        models = {}
        for model in message["models"]:
            workers = tuple(WorkerRoute(**worker) for worker in model["workers"])
            rejected = tuple(Rejection(**version) for version in model["rejected"])
            models[model["name"]] = ModelRoutes(model["name"], workers, rejected)
        return cls(models, message["default_model"], message["draining"])

    def workers(self) -> dict[str, WorkerRoute]:
        """Every worker by id."""
        return {worker.id: worker for model in self.models.values() for worker in model.workers}
