"""Talks to the admin interface of a running service."""

import time
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ValidationError

from codec.errors import InvalidRequestError, NotFoundError, RepositoryError
from service.admin.schema import (
    CanaryRequest,
    DrainAnswer,
    ModelStatus,
    Problem,
    PromoteRequest,
    RollbackRequest,
    ServiceStatus,
    VersionChoice,
)

Answer = TypeVar("Answer", bound=BaseModel)

_POLL_SECONDS = 0.2


class AdminClient:
    """One service, at `url`; a context manager.

    Every method raises `NotFoundError` if nothing answers there or the model, channel or version does not
    exist, and `InvalidRequestError` with the service's own words for everything else that it refuses.
    """

    def __init__(self, url: str, timeout_seconds: float = 30.0) -> None:
        self._url = url
        self._http = httpx.Client(base_url=url, timeout=timeout_seconds)

    def status(self) -> ServiceStatus:
        """Everything that runs."""
        return self._ask("GET", "/admin/models", ServiceStatus)

    def check(self, model: str) -> ModelStatus:
        """Have the service look where the channels point."""
        return self._ask("POST", f"/admin/models/{quote(model)}/check", ModelStatus)

    def promote(self, model: str, version: str, channel: str) -> VersionChoice:
        """Point a channel at a version."""
        request = PromoteRequest(version=version, channel=channel)
        return self._ask("POST", f"/admin/models/{quote(model)}/promote", VersionChoice, request)

    def rollback(self, model: str, channel: str) -> VersionChoice:
        """Point a channel at the version that served before."""
        request = RollbackRequest(channel=channel)
        return self._ask("POST", f"/admin/models/{quote(model)}/rollback", VersionChoice, request)

    def canary(self, model: str, request: CanaryRequest) -> ModelStatus:
        """Give the version of a channel a share of the work."""
        return self._ask("POST", f"/admin/models/{quote(model)}/canary", ModelStatus, request)

    def drain(self) -> DrainAnswer:
        """Shut the service down in order."""
        return self._ask("POST", "/admin/drain", DrainAnswer)

    def wait_for(self, choice: VersionChoice, timeout_seconds: float) -> None:
        """Wait until a version serves on its channel.

        Raises `RepositoryError` with the reason if the service rejects it, or if it takes too long.
        """
        deadline = time.monotonic() + timeout_seconds
        while time.monotonic() < deadline:
            (model,) = (model for model in self.status().models if model.name == choice.model)
            if any(c.name == choice.channel and c.serving == choice.version for c in model.channels):
                return
            for rejected in model.rejected:
                if rejected.version == choice.version:
                    raise RepositoryError(
                        f"{choice.model}@{choice.version} was rejected at {rejected.stage}: {rejected.reason}"
                    )
            time.sleep(_POLL_SECONDS)
        raise RepositoryError(
            f"{choice.model}@{choice.version} does not serve after {timeout_seconds:g} s; "
            "look at codecd admin status"
        )

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, method: str, path: str, form: type[Answer], request: BaseModel | None = None) -> Answer:
        body: dict[str, Any] | None = request.model_dump() if request is not None else None
        try:
            response = self._http.request(method, path, json=body)
            if response.is_success:
                return form.model_validate_json(response.content)
            message = Problem.model_validate_json(response.content).error.message
        except httpx.TransportError as error:
            raise NotFoundError(
                f"no service answers at {self._url} ({error}); start codecd serve, or name its admin port "
                "with --url http://127.0.0.1:PORT"
            ) from error
        except ValidationError as error:
            raise InvalidRequestError(
                f"{self._url} does not answer as a codecd admin port; name that of codecd serve with --url"
            ) from error
        if response.status_code == httpx.codes.NOT_FOUND:
            raise NotFoundError(message)
        raise InvalidRequestError(message)
