"""A service that is full says so before the body has come, and clients that are still sending hear it."""

import contextlib
import http.client
import json
import socket
import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from service.config import Limits
from tests.service.frontend.harness import Service, wait_until, wav

LARGE = 1_000_000
PIECE = 10_000


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """A service whose worker is at work on every job for as long as a test lasts; it holds two."""
    limits = Limits(max_audio_seconds=60)
    with Service(limits, max_jobs=2, max_queued_audio_seconds=60) as service:
        service.add_worker(job_delay_seconds=60.0)
        service.wait_ready()
        yield service


@contextlib.contextmanager
def at_work(service: Service, *seconds: float) -> Iterator[None]:
    """Requests of so much audio are under way, and are dropped in the end."""
    with contextlib.ExitStack() as stack:
        for each in seconds:
            connection = stack.enter_context(connect(service))
            body = wav(each)
            connection.sendall(head("/encode", len(body)) + body)
        wait_until(lambda: service.metric("codec_worker_jobs_in_flight") == len(seconds))
        yield
    wait_until(lambda: service.metric("codec_worker_jobs_in_flight") == 0)


def connect(service: Service) -> socket.socket:
    return socket.create_connection(("127.0.0.1", service.http_port), timeout=20)


def head(path: str, size_bytes: int, *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {size_bytes}", *headers, "", ""]
    return "\r\n".join(lines).encode()


def answer(connection: socket.socket) -> http.client.HTTPResponse:
    """What comes next, read as far as it goes."""
    response = http.client.HTTPResponse(connection)
    response.begin()
    response.read()
    return response


def refusals(service: Service) -> float:
    return service.metric("codec_rejected_total", reason="overloaded")


@pytest.mark.parametrize("path", ["/encode", "/decode", "/reconstruct"])
def test_a_full_service_does_not_wait_for_the_body(service: Service, path: str) -> None:
    before = refusals(service)
    with at_work(service, 0.1, 0.1), connect(service) as connection:
        connection.sendall(head(path, LARGE) + bytes(PIECE))
        refused = answer(connection)
        assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
        assert refused.headers["X-Request-Id"]
        assert refusals(service) == before + 1
        connection.sendall(bytes(LARGE - PIECE))
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert answer(connection).status == 200, "the connection goes on behind the rest of the body"


def test_a_client_that_asks_first_need_not_send(service: Service) -> None:
    with at_work(service, 0.1, 0.1), connect(service) as connection:
        connection.sendall(head("/encode", LARGE, "Expect: 100-continue"))
        received = b""
        while piece := connection.recv(1 << 16):
            received += piece
    assert received.startswith(b"HTTP/1.1 503 "), "and not 100"
    assert b"connection: close" in received.lower(), "for the body may not come"


def test_a_client_that_asks_first_is_told_to_go_on() -> None:
    body = wav(0.1)
    with Service() as service, contextlib.ExitStack() as stack:
        service.add_worker()
        service.wait_ready()
        connection = stack.enter_context(connect(service))
        for _ in range(2):
            connection.sendall(head("/encode", len(body), "Expect: 100-continue"))
            assert connection.recv(25, socket.MSG_WAITALL) == b"HTTP/1.1 100 Continue\r\n\r\n"
            connection.sendall(body)
            assert answer(connection).status == 200


def with_httpx(service: Service, pieces: Iterator[bytes]) -> tuple[int, bytes]:
    response = httpx.post(service.url + "/encode", content=pieces, headers={"Content-Length": str(LARGE)})
    return response.status_code, response.content


def with_http_client(service: Service, pieces: Iterator[bytes]) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", service.http_port, timeout=20)
    headers = {"Content-Length": str(LARGE), "Connection": "close"}
    connection.request("POST", "/encode", body=pieces, headers=headers)
    response = connection.getresponse()
    return response.status, response.read()


@pytest.mark.parametrize("send", [with_httpx, with_http_client])
def test_a_slow_client_that_reads_last_hears_it_too(
    service: Service, send: Callable[[Service, Iterator[bytes]], tuple[int, bytes]]
) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(LARGE // PIECE):
            time.sleep(0.005)
            yield bytes(PIECE)

    with at_work(service, 0.1, 0.1):
        status, body = send(service, pieces())
    assert status == 503
    assert json.loads(body)["error"]["code"] == "overloaded"


def test_samples_without_a_header_are_refused_by_their_length(service: Service) -> None:
    """50 s are under way of 60 s that may be."""
    samples = "Content-Type: audio/L16;rate=16000"
    with at_work(service, 50.0), connect(service) as connection:
        connection.sendall(head("/encode", 11 * 32_000, samples))
        assert answer(connection).status == 503
        assert httpx.post(service.url + "/encode", content=wav(11.0)).status_code == 503
        with connect(service) as short:
            body = bytes(9 * 32_000)
            short.sendall(head("/encode", len(body), samples) + body)
            wait_until(lambda: service.metric("codec_worker_jobs_in_flight") == 2)
        wait_until(lambda: service.metric("codec_worker_jobs_in_flight") == 1)


def test_what_is_wrong_with_a_request_is_told_before_its_body(service: Service) -> None:
    for path, size, wanted in (
        ("/encode?n_q=x", LARGE, 400),
        ("/encode?model=other", LARGE, 404),
        ("/encode", 1 << 40, 413),
    ):
        with connect(service) as connection:
            connection.sendall(head(path, size))
            assert answer(connection).status == wanted
