"""What the gRPC port offers beside the codec: health and reflection."""

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

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
