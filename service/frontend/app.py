"""The FastAPI application: routes, health, and the docs."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from service.frontend import http_errors, openapi
from service.frontend.access import Access
from service.frontend.batch import BatchApi
from service.frontend.demo_page import DemoPage
from service.frontend.guard import HttpGuard
from service.frontend.http_errors import error_response
from service.frontend.metrics import Metrics
from service.frontend.origins import Origins
from service.frontend.rest import RestApi
from service.frontend.websocket import StreamSocket
from service.status import Condition, ServiceError

Endpoint = Callable[[Request], Awaitable[Response]]


class RawRoute(APIRoute):
    """A route whose endpoint takes the request as it is and answers all its errors itself.

    FastAPI's own wrapper (dependency scopes, validation, serialisation) has nothing to do there.
    """

    def __init__(self, path: str, endpoint: Endpoint, **options: Any) -> None:
        super().__init__(path, endpoint, methods=["POST"], **options)

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            response = await endpoint(Request(scope, receive, send))
            await response(scope, receive, send)

        self.app = app


class FastLane:
    """Takes POSTs of raw routes past the framework's middleware and route matching, which would cost a
    third of a small request; everything else goes the usual way."""

    def __init__(self, app: FastAPI, routes: Iterable[RawRoute]) -> None:
        self._app = app
        self._lanes = {route.path: route.app for route in routes}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI interface."""
        raw = self._lanes.get(scope.get("path", "")) if scope.get("method") == "POST" else None
        await (raw or self._app)(scope, receive, send)


class Health:
    """What probes are told."""

    def __init__(self, is_ready: Callable[[], bool], has_started: Callable[[], bool]) -> None:
        self._is_ready = is_ready
        self._has_started = has_started

    async def live(self) -> Response:
        """The process answers; says nothing about load or models."""
        return _status(True)

    async def ready(self) -> Response:
        """New work is taken: the default model is there and the service is not shutting down."""
        return _status(self._is_ready())

    async def startup(self) -> Response:
        """The default model has been there once."""
        return _status(self._has_started())


def make_app(
    api: RestApi,
    batch: BatchApi,
    streams: StreamSocket,
    health: Health,
    access: Access,
    origins: Origins,
    metrics: Metrics,
) -> ASGIApp:
    """The application with all its routes, behind its door."""
    app = FastAPI(title="codecd", description=openapi.DESCRIPTION, version="1")
    http_errors.install(app)
    raw_routes = [
        RawRoute("/encode", api.encode, openapi_extra=openapi.ENCODE),
        RawRoute("/decode", api.decode, openapi_extra=openapi.DECODE),
        RawRoute("/reconstruct", api.reconstruct, openapi_extra=openapi.RECONSTRUCT),
        RawRoute("/batch/encode", batch.encode, openapi_extra=openapi.BATCH_ENCODE),
        RawRoute("/batch/decode", batch.decode, openapi_extra=openapi.BATCH_DECODE),
    ]
    app.router.routes.extend(raw_routes)
    app.router.routes.append(WebSocketRoute("/stream", streams))
    app.add_api_route("/models", api.models, methods=["GET"], openapi_extra=openapi.MODELS)
    app.add_api_route("/models/{name}", api.model, methods=["GET"], openapi_extra=openapi.MODEL_PAGE)
    app.add_api_route("/capacity", api.capacity, methods=["GET"], openapi_extra=openapi.CAPACITY)
    app.add_api_route("/health/live", health.live, methods=["GET"], openapi_extra=openapi.HEALTH)
    app.add_api_route("/health/ready", health.ready, methods=["GET"], openapi_extra=openapi.HEALTH)
    app.add_api_route("/health/startup", health.startup, methods=["GET"], openapi_extra=openapi.HEALTH)
    # Paths with names in them, and those of the page's files, would make series without end.
    paths = frozenset(
        route.path
        for route in app.routes
        if isinstance(route, Route | WebSocketRoute) and "{" not in route.path
    )
    app.router.routes.extend(DemoPage().routes())
    return HttpGuard(FastLane(app, raw_routes), access, origins, metrics, paths)


def _status(good: bool) -> Response:
    if not good:
        return error_response(ServiceError(Condition.UNAVAILABLE, "not ready; ask again in a moment"))
    return Response(orjson.dumps({"status": "ok"}), media_type="application/json")
