"""The front end as a whole: its parts, and what the supervisor may ask of it."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from service.config import ServeConfig
from service.frontend.app import Health, make_app
from service.frontend.control import ControlLink, Message
from service.frontend.decoder_pool import DecoderPool, PoolConfig
from service.frontend.http_request import RequestRunner
from service.frontend.intake import Intake
from service.frontend.live_stream import StreamLimits
from service.frontend.metrics import Metrics
from service.frontend.operations import Operations
from service.frontend.rest import RestApi
from service.frontend.router import Router
from service.frontend.routes import RoutingTable
from service.frontend.rpc_codec import CodecServicer, ModelsServicer
from service.frontend.rpc_stream import StreamServer
from service.frontend.servers import GrpcServer, HttpServer, metrics_server
from service.frontend.tables import Tables
from service.frontend.worker_metrics import WorkerCollector

logger = logging.getLogger(__name__)

_IDLE_CHECK_SECONDS = 0.02


class Frontend:
    """REST, gRPC and metrics in the running loop, in front of the workers of a routing table."""

    def __init__(self, config: ServeConfig, control: ControlLink) -> None:
        limits = config.limits
        self._config = config
        self._control = control
        self._draining = False
        self._has_started = False
        self._stopped = asyncio.Event()
        self._serving_http: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._router = Router(config.channel, config.max_jobs, control.tell, self._workers_changed)
        self._metrics = Metrics(WorkerCollector(self._router))
        self._pool = DecoderPool(PoolConfig())
        operations = Operations(self._router, Intake(limits, self._pool), limits)
        self._runner = RequestRunner(limits, self._metrics)
        stream_limits = StreamLimits(
            limits.stream_window_seconds, limits.slow_reader_seconds, limits.idle_stream_seconds
        )
        self._streams = StreamServer(
            self._router, self._metrics, stream_limits, limits.max_stream_message_bytes
        )
        health = Health(lambda: self.ready, lambda: self._has_started)
        rest = RestApi(operations, self._runner, limits, Tables(config.repository))
        app = make_app(rest, health)
        self._http = HttpServer.listen(app, config.host, config.http_port, config.grace_seconds)
        self._metrics_http = metrics_server(self._metrics.registry, config.host, config.metrics_port)
        codec = CodecServicer(operations, self._streams, self._metrics, limits)
        self._grpc = GrpcServer(codec, ModelsServicer(self._router), limits.max_grpc_message_bytes)

    @property
    def ready(self) -> bool:
        """Whether new work is welcome."""
        return self._router.ready and not self._draining

    async def run(self) -> None:
        """Serve until told to stop, or until the supervisor is gone."""
        await self._pool.start()
        await self._grpc.start(self._config.host, self._config.grpc_port)
        self._serving_http = await self._http.start()
        metrics = await self._metrics_http.start()
        self._spawn(self._streams.sweep())
        self._control.tell(
            {
                "event": "ready",
                "http_port": self._http.port,
                "grpc_port": self._grpc.port,
                "metrics_port": self._metrics_http.port,
            }
        )
        listening = self._spawn(self._control.listen(self._handle))
        listening.add_done_callback(lambda _: self._stopped.set())
        await self._stopped.wait()
        await self._close(self._serving_http, metrics)

    def _handle(self, message: Message) -> None:
        kind = message.get("type")
        if kind == "routes":
            table = RoutingTable.from_message(message)
            self._router.update(table)
        elif kind == "drain":
            self._drain(float(message["grace_seconds"]))
        elif kind == "go_away":
            self._streams.go_away("version replaced", float(message["grace_seconds"]), message["worker"])
        elif kind == "stop":
            self._stopped.set()
        else:
            logger.error("the supervisor sent an unknown message: %s", kind)

    def _drain(self, grace_seconds: float) -> None:
        """Refuse new streams and connections, let what is under way end, then tell the supervisor."""
        if self._draining:
            return
        self._draining = True
        self._runner.draining = True
        self._streams.refusing = True
        self._streams.go_away("shutting down", grace_seconds)
        self._workers_changed()
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
