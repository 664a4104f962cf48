"""Listeners: health, reflection, and ports that are taken."""

import asyncio
import socket
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from prometheus_client import CollectorRegistry

from service.frontend.servers import metrics_server
from tests.service.frontend.harness import Service


@pytest.fixture(scope="module")
def channel(service: Service) -> Iterator[grpc.Channel]:
    """A connection to the service."""
    with grpc.insecure_channel(service.grpc_target) as channel:
        yield channel


@pytest.mark.parametrize("name", ["", "codec.v1.Codec"])
def test_health_says_serving(channel: grpc.Channel, name: str) -> None:
    stub: Any = health_pb2_grpc.HealthStub(channel)
    answer = stub.Check(health_pb2.HealthCheckRequest(service=name))
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_reflection_lists_the_services(channel: grpc.Channel) -> None:
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    answer = next(iter(stub.ServerReflectionInfo(iter([request]))))
    names = {service.name for service in answer.list_services_response.service}
    assert {"codec.v1.Codec", "codec.v1.Models", "grpc.health.v1.Health"} <= names


async def test_a_port_that_is_taken_is_an_error() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        server = metrics_server(CollectorRegistry(), "127.0.0.1", other.getsockname()[1])
        with pytest.raises(OSError, match="cannot listen"):
            await server.start()


async def test_a_server_says_which_port_the_system_chose() -> None:
    server = metrics_server(CollectorRegistry(), "127.0.0.1", 0)
    task = await server.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    writer.close()
    server.should_exit = True
    await task
