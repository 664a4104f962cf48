"""The listeners of the front end: HTTP, gRPC and metrics, all in one event loop."""

import asyncio
import contextlib
from collections.abc import Iterator

import grpc
import uvicorn
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from prometheus_client import CollectorRegistry, make_asgi_app
from starlette.types import ASGIApp

from proto.codec.v1 import codec_pb2, codec_pb2_grpc
from service.frontend.rpc_codec import CodecServicer, ModelsServicer

CODEC_SERVICE = codec_pb2.DESCRIPTOR.services_by_name["Codec"].full_name
MODELS_SERVICE = codec_pb2.DESCRIPTOR.services_by_name["Models"].full_name

_BACKLOG = 2048
_KEEP_ALIVE_SECONDS = 60


class HttpServer(uvicorn.Server):
    """uvicorn without signal handlers of its own: the supervisor says when to stop."""

    @classmethod
    def listen(cls, app: ASGIApp, host: str, port: int, grace_seconds: float) -> "HttpServer":
        """A server of `app`, not yet started; logs no accesses, they cost more than the parsing."""
        config = uvicorn.Config(
            app,
            host,
            port,
            http="httptools",
            loop="none",
            lifespan="off",
            access_log=False,
            log_level="warning",
            server_header=False,
            backlog=_BACKLOG,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=max(1, round(grace_seconds)),
        )
        return cls(config)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Overrides uvicorn's handling of signals."""
        yield

    async def start(self) -> asyncio.Task[None]:
        """Listen, and serve in the task returned. Raises `OSError` if the port is taken."""
        task = asyncio.ensure_future(self.serve())
        while not self.started:
            if task.done():
                task.result()
                raise OSError(f"cannot listen on {self.config.host}:{self.config.port}")
            await asyncio.sleep(0.01)
        return task

    @property
    def port(self) -> int:
        """The port listened on, which the system has chosen if the configuration said 0."""
        return int(self.servers[0].sockets[0].getsockname()[1])


class GrpcServer:
    """grpc.aio with codec.v1, health and reflection."""

    def __init__(self, codec: CodecServicer, models: ModelsServicer, max_message_bytes: int) -> None:
        self.port = 0
        self._health = health.aio.HealthServicer()
        self._server = grpc.aio.server(
            options=(
                ("grpc.max_receive_message_length", max_message_bytes),
                ("grpc.max_send_message_length", -1),
                ("grpc.so_reuseport", 0),
                # A client that has vanished without a word is noticed within 40 s.
                ("grpc.keepalive_time_ms", 30_000),
                ("grpc.keepalive_timeout_ms", 10_000),
                ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
                ("grpc.keepalive_permit_without_calls", 1),
            )
        )
        codec_pb2_grpc.add_CodecServicer_to_server(codec, self._server)
        codec_pb2_grpc.add_ModelsServicer_to_server(models, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        names = (CODEC_SERVICE, MODELS_SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, self._server)

    async def start(self, host: str, port: int) -> None:
        """Listen. Raises `OSError` if the port is taken."""
        await self.set_serving(False)
        try:
            name = f"[{host}]" if ":" in host else host
            self.port = self._server.add_insecure_port(f"{name}:{port}")
        except RuntimeError as error:
            raise OSError(f"cannot listen on {host}:{port} for gRPC: {error}") from error
        await self._server.start()

    async def set_serving(self, serving: bool) -> None:
        """What the health service says, for the server as a whole and for the codec."""
        status = health_pb2.HealthCheckResponse.ServingStatus.Value("SERVING" if serving else "NOT_SERVING")
        for name in (health.OVERALL_HEALTH, CODEC_SERVICE):
            await self._health.set(name, status)

    async def stop(self, grace_seconds: float) -> None:
        """Take no more calls; those in flight have the grace period."""
        await self._health.enter_graceful_shutdown()
        await self._server.stop(grace_seconds)


def metrics_server(registry: CollectorRegistry, host: str, port: int) -> HttpServer:
    """The listener that Prometheus asks."""
    return HttpServer.listen(make_asgi_app(registry), host, port, grace_seconds=1)
