"""The doors: nothing comes in over HTTP or gRPC before it is known whose it is."""

from typing import Any

import grpc
from grpc_health.v1 import health
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.frontend.access import Access
from service.frontend.demo_page import PREFIX
from service.frontend.grpc_errors import abort
from service.frontend.http_errors import error_response
from service.frontend.metrics import Metrics
from service.frontend.origins import Origins
from service.request_context import begin_request
from service.status import ServiceError

# Probes have no keys, and learn nothing that a connection would not tell.
_HEALTH_PATH = "/health/"
# The page that asks for a key is public; all that it shows comes from requests with the key.
_PUBLIC = (_HEALTH_PATH, PREFIX)
_PAGE_PATH = "/"
_HEALTH_METHODS = f"/{health.SERVICE_NAME}/"
_ANSWERS = frozenset({"http.response.start", "websocket.http.response.start"})
_SWITCHED = 101
_REQUEST_ID = "x-request-id"


class HttpGuard:
    """Every HTTP request and WebSocket passes here and is counted; a WebSocket is refused before its upgrade.

    `paths`: those that are counted by name.
    """

    def __init__(
        self, app: ASGIApp, access: Access, origins: Origins, metrics: Metrics, paths: frozenset[str]
    ) -> None:
        self._app = app
        self._access = access
        self._origins = origins
        self._metrics = metrics
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI interface."""
        send = self._counting(scope, send)
        if not _is_public(scope):
            try:
                if scope["type"] == "websocket":
                    self._origins.check(scope["headers"])
                self._access.enter_http(scope["headers"])
            except ServiceError as error:
                self._metrics.refused(error.condition)
                await error_response(error)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _counting(self, scope: Scope, send: Send) -> Send:
        """`send` that counts the answer by its status; that of a WebSocket which is taken is 101."""
        path: str = scope["path"]
        name = path if path in self._paths else "other"

        async def send_and_count(message: Message) -> None:
            kind = message["type"]
            if kind in _ANSWERS:
                self._metrics.http_answered(name, message["status"])
            elif kind == "websocket.accept":
                self._metrics.http_answered(name, _SWITCHED)
            await send(message)

        return send_and_count


class RpcGuard(grpc.aio.ServerInterceptor):
    """Every RPC passes here, and gets the id that its caller sent as `x-request-id`, or one of ours."""

    def __init__(self, access: Access, metrics: Metrics) -> None:
        self._access = access
        self._metrics = metrics

    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        """Part of `ServerInterceptor`; runs in the task of the call."""
        metadata = handler_call_details.invocation_metadata
        given = next((value for name, value in metadata if name == _REQUEST_ID), None)
        begin_request(given if isinstance(given, str) else None)
        if not handler_call_details.method.startswith(_HEALTH_METHODS):
            try:
                self._access.enter_rpc(metadata)
            except ServiceError as error:
                self._metrics.refused(error.condition)
                return _refusal(error)
        return await continuation(handler_call_details)


def _is_public(scope: Scope) -> bool:
    path: str = scope["path"]
    return scope["type"] == "http" and (path == _PAGE_PATH or path.startswith(_PUBLIC))


def _refusal(error: ServiceError) -> "grpc.RpcMethodHandler[Any, Any]":
    """A handler for any kind of RPC: as one of streams it need not wait for a message to be refused."""

    async def refuse(requests: Any, context: Any) -> None:
        await abort(context, error)

    return grpc.stream_stream_rpc_method_handler(refuse)
