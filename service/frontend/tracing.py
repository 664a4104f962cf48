"""OpenTelemetry: a server span for every request, RPC and stream. Loaded only where spans go somewhere."""

import asyncio
import os
from collections.abc import Iterable
from typing import Any

import grpc
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.frontend.spans import SPAN
from service.model_info import ModelInfo
from service.request_context import TRACE_ID

_PROPAGATED = frozenset({"traceparent", "tracestate"})
# Probes come every few seconds and tell nothing.
_UNTRACED_PATHS = "/health/"
_UNTRACED_METHODS = "/grpc."
_BATCH_PATHS = "/batch/"
_MAX_PATH_CHARACTERS = 200
_LAST_EXPORT_SECONDS = 2.0
_OK = "ok"
_FAULT = 500


class Tracing:
    """Makes spans and sends them to the collector that the standard environment variables name."""

    def __init__(self) -> None:
        named = {} if os.environ.get("OTEL_SERVICE_NAME") else {SERVICE_NAME: "codecd"}
        self._provider = TracerProvider(resource=Resource.create(named), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("codecd")
        self._propagator = TraceContextTextMapPropagator()

    def begin(
        self,
        name: str,
        given: Iterable[tuple[str, str]],
        attributes: dict[str, str],
        *,
        is_batch: bool = False,
    ) -> "ServerSpan":
        """Begin the span of the request that this task serves, as part of the trace that its caller named.

        `given`: headers or metadata; `is_batch`: it is many pieces of work, each an event of the span.
        """
        carrier = {key: value for key, value in given if key in _PROPAGATED}
        parent = self._propagator.extract(carrier)
        span = self._tracer.start_span(name, parent, trace.SpanKind.SERVER, attributes)
        TRACE_ID.set(trace.format_trace_id(span.get_span_context().trace_id))
        begun = ServerSpan(span, is_batch=is_batch)
        SPAN.set(begun)
        return begun

    def around(self, app: ASGIApp) -> ASGIApp:
        """The application with a span around every request and WebSocket."""
        return TracedApp(app, self)

    def interceptor(self) -> grpc.aio.ServerInterceptor:
        """What gives every RPC its span."""
        return TracedRpcs(self)

    async def close(self) -> None:
        """Send what has not been sent yet, if the collector takes it in a moment."""
        await asyncio.to_thread(self._provider.force_flush, round(1000 * _LAST_EXPORT_SECONDS))


class ServerSpan:
    """`RequestSpan` over a span of OpenTelemetry."""

    def __init__(self, span: trace.Span, *, is_batch: bool) -> None:
        self._span = span
        self._is_batch = is_batch

    def job_ended(self, operation: str, info: ModelInfo, queue_us: int, run_us: int) -> None:
        """Part of `RequestSpan`."""
        self.served_by(info)
        # Two spans below this one would cost more than it does itself.
        attributes: dict[str, str | int] = {
            "codec.op": operation,
            "codec.queue_us": queue_us,
            "codec.run_us": run_us,
        }
        self._span.add_event("job", attributes)

    def work_ended(self, operation: str, size: str, code: str, audio_seconds: float) -> None:
        """Part of `RequestSpan`."""
        attributes: dict[str, str | float] = {
            "codec.op": operation,
            "codec.class": size,
            "codec.code": code,
            "codec.audio_seconds": audio_seconds,
        }
        if self._is_batch:
            self._span.add_event("file", attributes)
            return
        self._span.set_attributes(attributes)
        if code != _OK:
            self._span.set_status(trace.StatusCode.ERROR, code)

    def served_by(self, info: ModelInfo) -> None:
        """Part of `RequestSpan`."""
        self._span.set_attributes({"codec.model": info.model, "codec.version": info.version})

    def answered(self, status: int) -> None:
        """The status of the HTTP answer."""
        self._span.set_attribute("http.response.status_code", status)
        if status >= _FAULT:
            self._span.set_status(trace.StatusCode.ERROR)

    def end(self, _: object = None) -> None:
        """The request is over."""
        self._span.end()


class TracedApp:
    """An ASGI application with a span around every request and WebSocket."""

    def __init__(self, app: ASGIApp, tracing: Tracing) -> None:
        self._app = app
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI interface."""
        path: str = scope["path"][:_MAX_PATH_CHARACTERS]
        if path.startswith(_UNTRACED_PATHS):
            await self._app(scope, receive, send)
            return
        method = scope.get("method", "WEBSOCKET")
        given = ((str(name, "latin-1"), str(value, "latin-1")) for name, value in scope["headers"])
        attributes = {"http.request.method": method, "url.path": path}
        span = self._tracing.begin(
            f"{method} {path}", given, attributes, is_batch=path.startswith(_BATCH_PATHS)
        )

        async def send_and_note(message: Message) -> None:
            if "status" in message:
                span.answered(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        finally:
            span.end()


class TracedRpcs(grpc.aio.ServerInterceptor):
    """Begins a span for every RPC; it ends with the task that serves the RPC."""

    def __init__(self, tracing: Tracing) -> None:
        self._tracing = tracing

    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        """Part of `ServerInterceptor`; runs in the task of the call."""
        method: str = handler_call_details.method
        task = asyncio.current_task()
        if task is not None and not method.startswith(_UNTRACED_METHODS):
            metadata = handler_call_details.invocation_metadata
            given = ((name, value) for name, value in metadata if isinstance(value, str))
            name = method.removeprefix("/")
            service, _, call = name.rpartition("/")
            attributes = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": call}
            task.add_done_callback(self._tracing.begin(name, given, attributes).end)
        return await continuation(handler_call_details)
