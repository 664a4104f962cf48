"""Many files in one request, over real sockets: in order, each on its own, and never in anybody's way."""

import io
import json
import socket
import tarfile
import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from codec.container import CdcReader, read_tokens
from service.config import Limits
from service.frontend.tar_stream import END, tar_member
from tests.service.frontend.harness import Service, running, wait_until, wav

LIMITS = Limits(max_body_bytes=200_000, idle_stream_seconds=1.0, slow_reader_seconds=1.0)


@pytest.fixture(scope="module", name="service")
def _service() -> Iterator[Service]:
    with running(limits=LIMITS) as service:
        yield service


def post(
    service: Service, path: str, content: bytes, headers: dict[str, str] | None = None
) -> httpx.Response:
    return httpx.post(service.url + path, content=content, headers=headers, timeout=30)


def unpack(content: bytes) -> list[tuple[str, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        return [(info.name, tar.extractfile(info).read()) for info in tar]  # type: ignore[union-attr]


def error_code(content: bytes) -> str:
    return str(json.loads(content)["error"]["code"])


def test_files_are_answered_in_their_order_and_come_back(service: Service) -> None:
    lengths = [0.01 * (1 + number * 7 % 30) for number in range(60)]
    names = [f"d/{number}.wav" for number in range(60)]
    pairs = list(zip(names, lengths, strict=True))
    body = b"".join(tar_member(name, wav(seconds)) for name, seconds in pairs) + END
    answer = post(service, "/batch/encode?n_q=2", body)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-tar")
    assert "x-request-id" in answer.headers
    entries = unpack(answer.content)
    assert [name for name, _ in entries] == [f"{name}.cdc" for name in names]
    for (_, content), seconds in zip(entries, lengths, strict=True):
        tokens = read_tokens(CdcReader(content), 1000)
        assert (tokens.n_samples, tokens.n_q) == (round(seconds * 16_000), 2)
    audio = unpack(post(service, "/batch/decode", answer.content).content)
    assert [(name, len(content)) for name, content in audio] == [(n, len(wav(s))) for n, s in pairs]


def test_a_bad_file_fails_alone(service: Service) -> None:
    link = tarfile.TarInfo("link.wav")
    link.type = tarfile.SYMTYPE
    body = tar_member("a.wav", wav(0.1)) + tar_member("b.wav", b"no audio") + link.tobuf()
    body += (
        tar_member("c.wav", bytes(200_001)) + tar_member("../d.wav", wav(0.1)) + tar_member("e.wav", wav(0.1))
    )
    entries = unpack(post(service, "/batch/encode?format=json", body + END).content)
    assert [name for name, _ in entries] == [
        "a.wav.json", "b.wav.error.json", "link.wav.error.json",
        "c.wav.error.json", "../d.wav.error.json", "e.wav.json",
    ]  # fmt: skip
    codes = [error_code(content) for name, content in entries if "error" in name]
    assert codes == ["unsupported_media", "invalid_argument", "limit_exceeded", "invalid_argument"]
    (entry,) = unpack(post(service, "/batch/decode", tar_member("a.cdc", b"no tokens") + END).content)
    assert (entry[0], error_code(entry[1])) == ("a.cdc.error.json", "invalid_argument")


def test_a_damaged_archive_is_answered_as_far_as_it_goes(service: Service) -> None:
    body = tar_member("a.wav", wav(0.1)) + b"no tar" * 200
    entries = unpack(post(service, "/batch/encode", body).content)
    assert [name for name, _ in entries] == ["a.wav.cdc", "batch.error.json"]
    assert unpack(post(service, "/batch/encode", b"").content) == []


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/batch/encode?n_q=x", {}, 400),
        ("/batch/encode?model=none", {}, 404),
        ("/batch/decode?n_q=2", {}, 400),
        ("/batch/decode", {"X-Request-Timeout-Ms": "soon"}, 400),
    ],
)
def test_what_is_wrong_from_the_start_is_said_at_once(
    service: Service, path: str, headers: dict[str, str], status: int
) -> None:
    assert post(service, path, END, headers).status_code == status


def test_answers_come_while_files_are_still_sent(service: Service) -> None:
    """One at a time: the next file is sent when the answer to the one before is there."""
    with socket.create_connection(("127.0.0.1", service.http_port), timeout=10) as sock:
        sock.sendall(b"POST /batch/encode HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        heard = b""
        for number in range(5):
            piece = tar_member(f"{number}.wav", wav(0.1))
            sock.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
            while b"%d.wav.cdc" % number not in heard:
                heard += sock.recv(1 << 16)
        # And then nothing more: it is told so, and the answer ends.
        while b"batch.error.json" not in heard or not heard.endswith(b"0\r\n\r\n"):
            more = sock.recv(1 << 16)
            assert more
            heard += more
    assert b"deadline_exceeded" in heard


def test_a_client_that_leaves_or_does_not_read_is_let_go(service: Service) -> None:
    def in_flight() -> float:
        return service.metric("codec_requests_in_flight")

    large = b"".join(tar_member(f"{number}.cdc", b"x") for number in range(3000))
    for linger_seconds in (0.0, 1.5):
        with socket.create_connection(("127.0.0.1", service.http_port), timeout=5) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.sendall(b"POST /batch/decode HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n")
            sock.settimeout(linger_seconds + 0.5)
            try:
                for _ in range(20):
                    sock.sendall(large)
            except (TimeoutError, ConnectionError):
                time.sleep(linger_seconds)
        wait_until(lambda: in_flight() == 0)
    assert len(unpack(post(service, "/batch/encode", tar_member("a.wav", wav(0.1)) + END).content)) == 1


def test_a_batch_waits_where_a_request_is_refused() -> None:
    with Service(limits=LIMITS, max_jobs=2) as service:
        service.add_worker(job_delay_seconds=0.05)
        service.wait_ready()
        body = b"".join(tar_member(f"{number}.wav", wav(0.1)) for number in range(5)) + END
        answers: list[httpx.Response] = []
        both = [
            threading.Thread(target=lambda: answers.append(post(service, "/batch/encode", body)))
            for _ in range(2)
        ]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join()
        names = [[name for name, _ in unpack(answer.content)] for answer in answers]
        assert names == [[f"{number}.wav.cdc" for number in range(5)]] * 2
        hurried = post(service, "/batch/encode", body, {"X-Request-Timeout-Ms": "120"})
        codes = {error_code(content) for name, content in unpack(hurried.content) if "error" in name}
        assert codes <= {"deadline_exceeded", "overloaded"}
        assert codes
