"""The FastAPI application: routes, health, and the docs."""

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from service.frontend import http_errors, openapi
from service.frontend.http_errors import error_response
from service.frontend.rest import RestApi
from service.status import Condition, ServiceError

Endpoint = Callable[[Request], Awaitable[Response]]


class RawRoute(APIRoute):
    """A route whose endpoint takes the request as it is and answers all its errors itself.

    FastAPI's own wrapper (dependency scopes, validation, serialisation) has nothing to do there and would
    cost a fifth of the whole request.
    """

    def __init__(self, path: str, endpoint: Endpoint, **options: Any) -> None:
        super().__init__(path, endpoint, **options)

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            response = await endpoint(Request(scope, receive, send))
            await response(scope, receive, send)

        self.app = app


class Health:
    """What probes are told."""

    def __init__(self, is_ready: Callable[[], bool]) -> None:
        self._is_ready = is_ready
        self._has_started = False

    async def live(self) -> Response:
        """The process answers; says nothing about load or models."""
        return _status(True)

    async def ready(self) -> Response:
        """New work is taken: the default model is there and the service is not shutting down."""
        return _status(self._is_ready())

    async def startup(self) -> Response:
        """The default model has been there once."""
        self._has_started = self._has_started or self._is_ready()
        return _status(self._has_started)


def make_app(api: RestApi, health: Health) -> FastAPI:
    """The application with all its routes."""
    app = FastAPI(title="codecd", description="Audio in, tokens out; tokens in, audio out.", version="1")
    http_errors.install(app)
    for path, endpoint, extra in (
        ("/encode", api.encode, openapi.ENCODE),
        ("/decode", api.decode, openapi.DECODE),
        ("/reconstruct", api.reconstruct, openapi.RECONSTRUCT),
    ):
        app.router.routes.append(RawRoute(path, endpoint, methods=["POST"], openapi_extra=extra))
    app.add_api_route("/models", api.models, methods=["GET"])
    app.add_api_route("/models/{name}", api.model, methods=["GET"])
    app.add_api_route("/health/live", health.live, methods=["GET"])
    app.add_api_route("/health/ready", health.ready, methods=["GET"])
    app.add_api_route("/health/startup", health.startup, methods=["GET"])
    return app


def _status(good: bool) -> Response:
    if not good:
        return error_response(ServiceError(Condition.UNAVAILABLE, "not ready; ask again in a moment"))
    return Response(orjson.dumps({"status": "ok"}), media_type="application/json")
