"""Clients that do not read, do not finish, do not speak or vanish: none of them costs the others anything."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import httpx
import pytest

from proto.codec.v1 import codec_pb2 as pb
from proto.codec.v1 import codec_pb2_grpc
from tests.faults.checks import check_all, code_of
from tests.faults.fuzz import Held
from tests.faults.hard_clients import connect, is_closed_within, long_wav, many, post, reset
from tests.faults.load import GOOD, CheckedLoad
from tests.faults.service import FaultyService

# On a busy machine a start takes a while.
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def service(tiny_service: FaultyService) -> Iterator[FaultyService]:
    """The running service; after the test nothing is held in it and good requests are right."""
    yield tiny_service
    tiny_service.wait(tiny_service.idle, "that nothing is held any more")
    check_all(tiny_service)


def test_a_stream_that_is_not_read_is_closed_and_harms_nobody(service: FaultyService) -> None:
    ended: list[grpc.StatusCode] = []
    with CheckedLoad(service) as load, grpc.insecure_channel(service.grpc_target) as channel:
        call = codec_pb2_grpc.CodecStub(channel).StreamDecode(_decoding_without_end(service), timeout=60)
        next(call)  # Opened, and never again
        service.wait(
            lambda: service.metric("codec_streams_closed_total", op="decode", reason="slow_consumer"),
            "an end",
        )
        load.wait_for(3, since=time.monotonic())
        try:
            for _ in call:
                continue
        except grpc.RpcError as error:
            ended.append(code_of(error))
    assert ended == [grpc.StatusCode.ABORTED]
    assert set(load.verdicts()) == {GOOD}


@pytest.mark.slow
def test_an_answer_that_is_read_byte_by_byte_is_given_up(service: FaultyService) -> None:
    body = long_wav(120.0)
    with connect(service.http_port, receive_bytes=4096) as sock:
        sock.sendall(post("/reconstruct?n_q=1&format=pcm_f32le", body))
        assert sock.recv(1) == b"H"
        began = time.monotonic()
        closed = False
        while not closed and time.monotonic() - began < 40:
            time.sleep(0.5)
            closed = not _is_connected(service, sock.getsockname()[1])
            if not closed:
                sock.recv(1)
    assert closed, "it holds megabytes for a client that reads two bytes a second"


def test_slow_lorises_are_closed(service: FaultyService) -> None:
    starts = (b"", b"POST /encode HTTP/1.1\r\nHost: x\r\nX: ", post("/encode", b"RIFF", claimed=100_000))
    with ThreadPoolExecutor(len(starts)) as pool:
        ends = list(pool.map(lambda start: _is_closed(service.http_port, start), starts))
    assert ends == [True] * len(starts)


@pytest.mark.parametrize("how", ["reset", pytest.param("half open", marks=pytest.mark.slow)])
def test_clients_that_vanish_in_the_middle_leave_nothing(how: str, service: FaultyService) -> None:
    clip = service.clips[2]
    requests = [
        post("/encode", clip.wav)[:300],
        post("/encode", clip.wav),
        post("/encode", clip.flac),
        post("/reconstruct?format=flac", clip.flac)[:-10],
        post("/decode", clip.cdc),
    ]
    socks = [connect(service.http_port) for _ in range(4) for _ in requests]
    for sock, request in zip(socks, requests * 4, strict=True):
        sock.sendall(request)
    for number, sock in enumerate(socks):
        time.sleep(0.003 * (number % 5))
        if how == "reset":
            reset(sock)
    # A peer that is gone without a word looks like one that says nothing more.
    service.wait(service.idle, "that nothing is held any more")
    for sock in socks:
        sock.close()


@pytest.mark.parametrize("count", [1500, pytest.param(6000, marks=pytest.mark.slow)])
def test_idle_connections_up_to_the_limit_and_beyond(count: int, service: FaultyService) -> None:
    before = Held.by(service)
    with CheckedLoad(service) as load:
        load.wait_for(2)
        with many(service.http_port, count // 2), many(service.grpc_port, count // 4):
            load.wait_for(4, since=time.monotonic())
            load.wait_for(1, since=time.monotonic(), call="stream")
    assert set(load.verdicts()) <= {GOOD, "overloaded"}
    service.wait(lambda: Held.by(service).descriptors <= before.descriptors + 8, "that they are closed")


def test_a_deadline_in_the_far_future_is_no_defect(service: FaultyService) -> None:
    clip = service.clips[0]
    with grpc.insecure_channel(service.grpc_target) as channel:
        for seconds in (1e6, 7e9):
            request = pb.EncodeRequest(rate=pb.Rate(n_q=8), file=clip.wav)
            answer = codec_pb2_grpc.CodecStub(channel).Encode(request, timeout=seconds)
            assert answer.tokens.codes == clip.wire


def test_what_callers_say_at_length_comes_back_short(service: FaultyService) -> None:
    with grpc.insecure_channel(service.grpc_target) as channel:
        for words in ("x" * 1_000_000, "\N{PILE OF POO}" * 100_000, "a\0b"):
            request = pb.DecodeRequest(token_space=words, tokens=pb.Tokens(n_q=1, codes=b"\0\0"))
            with pytest.raises(grpc.RpcError) as caught:
                codec_pb2_grpc.CodecStub(channel).Decode(request)
            assert code_of(caught.value) is grpc.StatusCode.FAILED_PRECONDITION
    answer = httpx.post(f"{service.base_url}/encode?model={'y' * 60_000}", content=b"RIFF")
    assert answer.status_code == 400
    assert len(answer.content) < 2000


def _decoding_without_end(service: FaultyService) -> Iterator[pb.StreamDecodeRequest]:
    clip = service.clips[2]
    yield pb.StreamDecodeRequest(open=pb.OpenDecode(token_space=clip.token_space))
    stop = threading.Event()
    for _ in range(20_000):
        yield pb.StreamDecodeRequest(tokens=pb.Tokens(n_q=8, codes=clip.wire))
        stop.wait(0.001)


def _is_closed(port: int, start: bytes) -> bool:
    with connect(port) as sock:
        sock.sendall(start)
        return is_closed_within(sock, 30.0, trickle=b"x" if start else b"")


def _is_connected(service: FaultyService, port: int) -> bool:
    """Whether the front end still has its end of the connection from a port."""
    connections = service.child("service.frontend").net_connections("tcp")
    return any(entry.raddr[1:] == (port,) for entry in connections)
