"""The gRPC port: when it takes calls, and what it offers beside the codec: health and reflection."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from service.config import ServeConfig
from tests.service.frontend.harness import Service, running, wait_until
from tests.service.frontend.talk import Talk, audio, open_encode
from tests.support import REPOSITORY_ROOT

_HEALTH = health_pb2.HealthCheckRequest()
_START_SECONDS = 60.0


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


def is_refused(service: Service) -> bool:
    """Whether nobody takes connections on the gRPC port."""
    try:
        socket.create_connection(("127.0.0.1", service.grpc_port)).close()
    except ConnectionRefusedError:
        return True
    return False


def test_connections_are_refused_until_there_is_a_model_and_taken_ever_after() -> None:
    with Service() as service:
        service.send_routes()
        wait_until(lambda: service.get("/models/echo_16k").status_code == 503)
        assert is_refused(service)
        assert [service.get(f"/health/{name}").status_code for name in ("live", "startup")] == [200, 503]
        worker = service.add_worker()
        service.wait_ready()
        with grpc.insecure_channel(service.grpc_target) as channel:
            stub: Any = health_pb2_grpc.HealthStub(channel)
            assert stub.Check(_HEALTH).status == health_pb2.HealthCheckResponse.SERVING
            del service.workers[worker.id]
            service.send_routes()
            wait_until(lambda: stub.Check(_HEALTH).status == health_pb2.HealthCheckResponse.NOT_SERVING)
        assert not is_refused(service)


def test_the_port_opens_for_a_model_that_is_not_the_default() -> None:
    with Service() as service:
        service.add_worker(model="other_16k")
        wait_until(lambda: not is_refused(service))
        assert service.get("/health/ready").status_code == 503
        with grpc.insecure_channel(service.grpc_target) as channel:
            stub: Any = health_pb2_grpc.HealthStub(channel)
            assert stub.Check(_HEALTH).status == health_pb2.HealthCheckResponse.NOT_SERVING


def test_a_service_that_leaves_before_there_was_a_model_ends_in_order() -> None:
    with Service() as service:
        service.send({"type": "drain", "grace_seconds": 5})
        service.wait_for("drained")
        assert is_refused(service)
        service.send({"type": "stop"})
        assert service.frontend.wait(_START_SECONDS) == 0


@pytest.mark.parametrize("frontends", [1, 2])
def test_a_port_that_is_taken_is_told_at_once(frontends: int) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config = ServeConfig(
            repository=Path("none"), http_port=0, grpc_port=port, metrics_port=0, frontends=frontends
        )
        ours.sendall(json.dumps(config.to_message()).encode() + b"\n")
        command = [sys.executable, "-m", "service.frontend", "--control-fd", str(theirs.fileno())]
        ended = subprocess.run(
            command, pass_fds=[theirs.fileno()], cwd=REPOSITORY_ROOT, stderr=subprocess.PIPE, text=True,
            timeout=_START_SECONDS,
        )  # fmt: skip
    assert ended.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port} for gRPC" in ended.stderr


def test_a_port_that_others_took_meanwhile_is_told_when_it_is_to_open() -> None:
    with Service() as service, socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", service.grpc_port))
        other.listen()
        service.add_worker()
        assert service.frontend.wait(_START_SECONDS) == 1
