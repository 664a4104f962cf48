"""The front end as a whole: its parts, and what the supervisor may ask of it."""

import asyncio
import logging
import math
from collections.abc import Coroutine
from typing import Any

from grpc.aio import ServerInterceptor
from starlette.types import ASGIApp

from service.config import Limits, ServeConfig
from service.frontend.access import Access
from service.frontend.app import Health, make_app
from service.frontend.backlog import BacklogLimits
from service.frontend.batch import BatchApi
from service.frontend.control import ControlLink, Message
from service.frontend.decoder_pool import DecoderPool, PoolConfig
from service.frontend.guard import RpcGuard
from service.frontend.http_request import RequestRunner
from service.frontend.intake import Intake
from service.frontend.ledger import Ledger
from service.frontend.live_events import StreamLimits
from service.frontend.loop_lag import watch_loop
from service.frontend.metrics import Metrics
from service.frontend.operations import Operations
from service.frontend.origins import Origins
from service.frontend.rest import RestApi
from service.frontend.router import Router
from service.frontend.routes import RoutingTable
from service.frontend.rpc_codec import CodecServicer, ModelsServicer
from service.frontend.servers import GrpcServer, metrics_server
from service.frontend.spans import open_tracing
from service.frontend.stream_server import StreamServer
from service.frontend.tables import Tables
from service.frontend.tls import Certificates
from service.frontend.websocket import StreamSocket
from service.frontend.websocket_protocol import StreamProtocol
from service.frontend.worker_metrics import WorkerCollector
from service.http_protocol import ConnectionBounds
from service.http_server import HttpServer

logger = logging.getLogger(__name__)

_IDLE_CHECK_SECONDS = 0.02
_REPORT_SECONDS = 1.0
_REFRESH_SECONDS = 1.0


class Frontend:
    """REST, gRPC and metrics in the running loop, in front of the workers of a routing table."""

    def __init__(self, config: ServeConfig, control: ControlLink) -> None:
        limits = config.limits
        self._config = config
        self._control = control
        self._draining = False
        self._has_started = False
        self._has_model = asyncio.Event()
        self._stopped = asyncio.Event()
        self._serving_http: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        backlog = BacklogLimits(config.max_jobs, config.max_queued_audio_seconds)
        self._router = Router(backlog, control.tell, self._workers_changed)
        self._metrics = Metrics(WorkerCollector(self._router))
        self._pool = DecoderPool(PoolConfig(), self._metrics.decoding_refused)
        operations = Operations(self._router, Intake(limits, self._pool), limits)
        self._runner = RequestRunner(limits, self._metrics)
        self._streams = StreamServer(
            self._router, self._metrics, _stream_limits(limits), limits.max_stream_message_bytes
        )
        health = Health(lambda: self.ready, lambda: self._has_started)
        rest = RestApi(operations, self._runner, limits, Tables(config.repository))
        failed = self._metrics.reload_failed
        self._access = Access(config.keys, config.caller_limits, failed, _ledger(config))
        self._certificates = Certificates(config.tls, failed) if config.tls is not None else None
        batch = BatchApi(rest, self._router, self._runner, self._metrics, limits)
        origins = Origins(config.allowed_origins)
        app = make_app(rest, batch, StreamSocket(self._streams), health, self._access, origins, self._metrics)
        self._tracing = open_tracing()
        self._http = self._http_server(app if self._tracing is None else self._tracing.around(app))
        self._metrics_http = metrics_server(self._metrics.registry, config.host, config.metrics_port)
        codec = CodecServicer(operations, self._streams, self._metrics, limits)
        models = ModelsServicer(self._router)
        self._grpc = self._grpc_server(codec, models)

    @property
    def ready(self) -> bool:
        """Whether new work is welcome, over gRPC as well."""
        return self._router.ready and self._grpc.is_listening and not self._draining

    def _http_server(self, app: ASGIApp) -> HttpServer:
        config = self._config
        return HttpServer.listen(
            app,
            config.host,
            config.http_port,
            config.grace_seconds,
            self._certificates.http_context() if self._certificates is not None else None,
            reuse_port=config.frontends > 1,
            websocket=StreamProtocol,
            # What is a little too long is refused by the stream, in words.
            websocket_bytes=2 * config.limits.max_stream_message_bytes,
            bounds=ConnectionBounds(age_seconds=config.max_connection_age_seconds or math.inf),
        )

    def _grpc_server(self, codec: CodecServicer, models: ModelsServicer) -> GrpcServer:
        interceptors: list[ServerInterceptor] = [RpcGuard(self._access, self._metrics)]
        if self._tracing is not None:
            interceptors.insert(0, self._tracing.interceptor())
        return GrpcServer(
            codec,
            models,
            interceptors,
            self._metrics,
            self._config.limits.max_grpc_message_bytes,
            self._config.max_connection_age_seconds,
            reuse_port=self._config.frontends > 1,
        )

    async def run(self) -> None:
        """Serve until told to stop, or until the supervisor is gone. Raises `OSError` if a port is taken."""
        await self._pool.start()
        if self._config.keys is not None and self._certificates is None and self._config.is_exposed:
            logger.warning("keys and audio travel unencrypted; use --tls-cert, or a gateway that has TLS")
        self._grpc.reserve(self._config.host, self._config.grpc_port)
        self._serving_http = await self._http.start()
        metrics = await self._metrics_http.start()
        self._spawn(self._streams.sweep())
        self._spawn(self._report())
        self._spawn(self._refresh())
        self._spawn(watch_loop(self._metrics.loop_lagged))
        self._control.tell(
            {
                "event": "ready",
                "http_port": self._http.port,
                "grpc_port": self._grpc.port,
                "metrics_port": self._metrics_http.port,
            }
        )
        opening = self._spawn(self._open_grpc())
        listening = self._spawn(self._control.listen(self._handle))
        listening.add_done_callback(lambda _: self._stopped.set())
        await self._stopped.wait()
        await self._close(self._serving_http, metrics)
        if opening.done():
            opening.result()

    def _handle(self, message: Message) -> None:
        kind = message.get("type")
        if kind == "routes":
            table = RoutingTable.from_message(message)
            self._router.update(table)
        elif kind == "registry":
            self._metrics.registry_read(message["read_at"])
        elif kind == "drain":
            self._spawn(self._drain(float(message["grace_seconds"])))
        elif kind == "go_away":
            self._streams.go_away("version replaced", float(message["grace_seconds"]), message["worker"])
        elif kind == "stop":
            self._stopped.set()
        else:
            logger.error("the supervisor sent an unknown message: %s", kind)

    async def _open_grpc(self) -> None:
        """Listen for calls once there is a model: to a balancer that cannot ask, an open port is a replica
        that serves."""
        await self._has_model.wait()
        await self._grpc.set_serving(self._router.ready and not self._draining)
        tls = self._certificates.grpc_credentials() if self._certificates is not None else None
        try:
            await self._grpc.listen(tls)
        except OSError:
            self._stopped.set()
            raise
        self._workers_changed()

    async def _report(self) -> None:
        """Tell the supervisor once a second how things are, if that has changed."""
        last: Message = {}
        while True:
            report = self._router.report()
            if report != last or report["outcomes"]:
                self._control.tell(report)
            last = report
            await asyncio.sleep(_REPORT_SECONDS)

    async def _refresh(self) -> None:
        """Take over keys and certificates that an operator has replaced."""
        while True:
            await asyncio.sleep(_REFRESH_SECONDS)
            self._access.refresh()
            if self._certificates is not None:
                self._certificates.refresh()

    async def _drain(self, grace_seconds: float) -> None:
        """Say that new work is not welcome, refuse it when that may have got about, let what is under way
        end, then tell the supervisor."""
        if self._draining:
            return
        self._draining = True
        self._runner.draining = True
        self._metrics.draining()
        self._workers_changed()
        # Whoever is told to go away comes again at once, and must not be sent here.
        await asyncio.sleep(self._config.lag_seconds)
        self._streams.refusing = True
        self._streams.go_away("shutting down", grace_seconds)
        self._http.should_exit = True
        self._spawn(self._grpc.stop(grace_seconds))
        self._spawn(self._tell_when_drained())

    async def _tell_when_drained(self) -> None:
        if self._serving_http is not None:
            # Ends once the port is closed and every connection is: nothing can come in behind this point.
            await asyncio.wait({self._serving_http})
        while len(self._streams) or self._metrics.in_flight:
            await asyncio.sleep(_IDLE_CHECK_SECONDS)
        self._control.tell({"event": "drained"})

    def _workers_changed(self) -> None:
        if self._router.serving() and not self._draining:
            self._has_model.set()
        self._has_started = self._has_started or self.ready
        self._spawn(self._grpc.set_serving(self.ready))

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _close(self, *servers: asyncio.Task[None]) -> None:
        await self._grpc.stop(0)
        for server in (self._http, self._metrics_http):
            server.should_exit = True
            server.force_exit = True
        await asyncio.gather(*servers)
        self._router.close()
        self._pool.close()
        self._control.close()
        for task in self._tasks:
            task.cancel()
        if self._tracing is not None:
            await self._tracing.close()


def _ledger(config: ServeConfig) -> Ledger | None:
    return Ledger(config.ledger, config.frontends) if config.ledger is not None else None


def _stream_limits(limits: Limits) -> StreamLimits:
    return StreamLimits(limits.stream_window_seconds, limits.slow_reader_seconds, limits.idle_stream_seconds)
