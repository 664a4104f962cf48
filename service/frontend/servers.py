"""The listeners of the front end beside REST: gRPC and metrics, all in one event loop."""

import socket
from collections.abc import Sequence

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from prometheus_client import CollectorRegistry

from proto.codec.v1 import codec_pb2, codec_pb2_grpc
from service.frontend.metrics import Metrics
from service.frontend.metrics_app import metrics_app
from service.frontend.parsing import ParsingServer
from service.frontend.rpc_codec import CodecServicer, ModelsServicer
from service.http_server import HttpServer

CODEC_SERVICE = codec_pb2.DESCRIPTOR.services_by_name["Codec"].full_name
MODELS_SERVICE = codec_pb2.DESCRIPTOR.services_by_name["Models"].full_name

_FOR_EVER_MS = (1 << 31) - 1


class GrpcServer:
    """grpc.aio with codec.v1, health and reflection; `reuse_port`: other processes listen there as well.

    `max_age_seconds`: after which, give or take a tenth, a connection takes no more calls and its client
    makes another; those on it go on for as long as they like. 0 = never. `is_listening`: calls can come.
    """

    def __init__(
        self,
        codec: CodecServicer,
        models: ModelsServicer,
        interceptors: Sequence[grpc.aio.ServerInterceptor],
        metrics: Metrics,
        max_message_bytes: int,
        max_age_seconds: float,
        *,
        reuse_port: bool,
    ) -> None:
        self.port = 0
        self.is_listening = False
        self._host = ""
        self._reuse_port = reuse_port
        self._holder: socket.socket | None = None
        self._health = health.aio.HealthServicer()
        self._server = grpc.aio.server(
            interceptors=interceptors,
            options=(
                ("grpc.max_receive_message_length", max_message_bytes),
                ("grpc.max_send_message_length", -1),
                ("grpc.so_reuseport", int(reuse_port)),
                ("grpc.max_connection_age_ms", _age_ms(max_age_seconds)),
                # A client that has vanished without a word is noticed within 40 s.
                ("grpc.keepalive_time_ms", 30_000),
                ("grpc.keepalive_timeout_ms", 10_000),
                ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
                ("grpc.keepalive_permit_without_calls", 1),
            ),
        )
        server = ParsingServer.of(self._server, metrics)
        codec_pb2_grpc.add_CodecServicer_to_server(codec, server)
        codec_pb2_grpc.add_ModelsServicer_to_server(models, server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        names = (CODEC_SERVICE, MODELS_SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, self._server)

    def reserve(self, host: str, port: int) -> None:
        """Take the port, and refuse connections until `listen`. Raises `OSError` if others listen there."""
        holder = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(self._reuse_port))
        try:
            holder.bind((host, port))
        except OSError as error:
            holder.close()
            raise _taken(host, port, error) from error
        self._host, self.port, self._holder = host, int(holder.getsockname()[1]), holder

    async def listen(self, tls: grpc.ServerCredentials | None = None) -> None:
        """Take calls on the reserved port. Raises `OSError` if others have begun to listen there."""
        host, port = self._host, self.port
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            if tls is None:
                self._server.add_insecure_port(address)
            else:
                self._server.add_secure_port(address, tls)
        except RuntimeError as error:
            raise _taken(host, port, error) from error
        await self._server.start()
        self.is_listening = True

    async def set_serving(self, serving: bool) -> None:
        """What the health service says, for the server as a whole and for the codec."""
        status = health_pb2.HealthCheckResponse.ServingStatus.Value("SERVING" if serving else "NOT_SERVING")
        for name in (health.OVERALL_HEALTH, CODEC_SERVICE):
            await self._health.set(name, status)

    async def stop(self, grace_seconds: float) -> None:
        """Take no more calls; those in flight have the grace period."""
        await self._health.enter_graceful_shutdown()
        await self._server.stop(grace_seconds)
        if self._holder is not None:
            self._holder.close()


def _taken(host: str, port: int, error: Exception) -> OSError:
    return OSError(f"cannot listen on {host}:{port} for gRPC: {error}")


def _age_ms(seconds: float) -> int:
    return min(round(1000 * seconds), _FOR_EVER_MS) or _FOR_EVER_MS


def metrics_server(registry: CollectorRegistry, host: str, port: int) -> HttpServer:
    """The listener that Prometheus asks."""
    return HttpServer.listen(metrics_app(registry), host, port, grace_seconds=1)
