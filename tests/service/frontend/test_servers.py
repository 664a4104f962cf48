"""What the gRPC port offers beside the codec: health and reflection."""

import time
from collections.abc import Iterator
from typing import Any

import grpc
import psutil
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from tests.service.frontend.harness import Service, running, wait_until
from tests.service.frontend.talk import Talk, audio, open_encode


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


def connections(service: Service) -> set[int]:
    """The clients' ports of the connections that the gRPC port has."""
    found = psutil.Process(service.frontend.pid).net_connections("tcp")
    return {c.raddr.port for c in found if c.status == "ESTABLISHED" and c.laddr.port == service.grpc_port}


def test_an_old_connection_is_left_and_its_streams_are_not() -> None:
    with (
        running(max_connection_age_seconds=0.5) as service,
        grpc.insecure_channel(service.grpc_target) as channel,
        Talk(channel) as talk,
    ):
        talk.send(open_encode(), audio(640))
        assert [talk.next().WhichOneof("message") for _ in range(2)] == ["opened", "tokens"]
        (first,) = connections(service)
        stub: Any = health_pb2_grpc.HealthStub(channel)

        def has_moved() -> bool:
            stub.Check(health_pb2.HealthCheckRequest())
            return bool(connections(service) - {first})

        wait_until(has_moved)
        began = time.monotonic()
        while time.monotonic() - began < 1.0:
            talk.send(audio(320))
            assert talk.next().HasField("tokens")
        assert first in connections(service)
        talk.finish()
        assert talk.rest()[-1].HasField("summary")
        assert talk.status()[0] is grpc.StatusCode.OK
