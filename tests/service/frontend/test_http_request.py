"""Deadlines, full queues, and clients that leave, over real sockets."""

import socket
import time
from collections.abc import Iterator

import grpc
import httpx
import pytest

from proto.codec.v1 import codec_pb2 as pb
from proto.codec.v1 import codec_pb2_grpc
from service.config import Limits
from tests.service.frontend.harness import Service, running, wait_until, wav
from tests.service.frontend.load import Load


@pytest.fixture(scope="module")
def slow_service() -> Iterator[Service]:
    """A service whose worker takes three seconds for every job, and two jobs at most."""
    with Service(max_jobs=2) as service:
        service.add_worker(job_delay_seconds=3.0)
        service.wait_ready()
        yield service


def test_a_deadline_is_kept_and_the_worker_is_told(slow_service: Service) -> None:
    cancelled = slow_service.metric("codec_worker_cancelled_total")
    began = time.monotonic()
    headers = {"X-Request-Timeout-Ms": "200"}
    response = httpx.post(slow_service.url + "/encode", content=wav(), headers=headers)
    assert response.status_code == 504
    assert response.json()["error"]["code"] == "deadline_exceeded"
    assert 0.15 < time.monotonic() - began < 1.5
    wait_until(lambda: slow_service.metric("codec_worker_cancelled_total") == cancelled + 1)


def test_a_grpc_deadline_is_kept_and_the_worker_is_told(slow_service: Service) -> None:
    cancelled = slow_service.metric("codec_worker_cancelled_total")
    with grpc.insecure_channel(slow_service.grpc_target) as channel:
        stub = codec_pb2_grpc.CodecStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            stub.Encode(pb.EncodeRequest(file=wav()), timeout=0.3)
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    wait_until(lambda: slow_service.metric("codec_worker_cancelled_total") == cancelled + 1)


def test_a_client_that_leaves_takes_its_job_along(slow_service: Service) -> None:
    cancelled = slow_service.metric("codec_worker_cancelled_total")
    body = wav()
    with socket.create_connection(("127.0.0.1", slow_service.http_port)) as connection:
        head = f"POST /encode HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
        wait_until(lambda: slow_service.metric("codec_worker_jobs_in_flight") == 1)
    wait_until(lambda: slow_service.metric("codec_worker_cancelled_total") == cancelled + 1)
    assert slow_service.metric("codec_worker_jobs_in_flight") == 0
    assert slow_service.metric("codec_requests_total", op="encode", code="cancelled") >= 1


def test_a_full_queue_is_told_at_once(slow_service: Service) -> None:
    with Load(slow_service.url, threads=2):
        wait_until(lambda: slow_service.metric("codec_worker_jobs_in_flight") == 2)
        began = time.monotonic()
        response = httpx.post(slow_service.url + "/encode", content=wav())
        assert time.monotonic() - began < 0.5
    assert response.status_code == 503
    assert response.json()["error"]["code"] == "overloaded"
    assert int(response.headers["Retry-After"]) >= 1
    assert slow_service.metric("codec_rejected_total", reason="overloaded") >= 1


def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    with running(limits=Limits(deadline_seconds=0.5)) as service:
        with socket.create_connection(("127.0.0.1", service.http_port)) as connection:
            head = b"POST /encode HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"
            connection.sendall(head + b"RIFF")
            connection.settimeout(5)
            assert connection.recv(1000).startswith(b"HTTP/1.1 504")
        assert httpx.post(service.url + "/encode", content=wav()).status_code == 200


def test_all_bodies_together_are_bounded() -> None:
    """Sixteen of the largest bodies are held at a time; what comes beyond is told to come again."""
    with running(limits=Limits(max_body_bytes=10_000, deadline_seconds=5)) as service:
        head = b"POST /encode HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000\r\n\r\n"
        address = ("127.0.0.1", service.http_port)
        connections = [socket.create_connection(address, timeout=5) for _ in range(16)]
        for connection in connections:
            connection.sendall(head + bytes(9_990))
        wait_until(lambda: service.metric("codec_requests_in_flight", op="encode") == 16)
        response = httpx.post(service.url + "/encode", content=wav(0.2))
        assert response.status_code == 503
        assert response.json()["error"]["code"] == "overloaded"
        for connection in connections:
            connection.close()
        wait_until(lambda: service.metric("codec_requests_in_flight", op="encode") == 0)
        assert httpx.post(service.url + "/encode", content=wav(0.2)).status_code == 200
