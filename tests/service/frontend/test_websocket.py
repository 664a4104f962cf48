"""`WS /stream` over real sockets."""

import json
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from service.config import Limits
from tests.service.echo_worker import DELAY_SAMPLES, HOP_SAMPLES, encode, frames_of
from tests.service.frontend.harness import Service, running, tone, wait_until

_HEADER = struct.Struct("<HHQ")


@contextmanager
def _talk(service: Service, **opening: Any) -> Iterator[ClientConnection]:
    """A connection; with an `operation` it is opened, too."""
    with connect(
        service.url.replace("http", "ws") + "/stream", compression=None, close_timeout=0.5
    ) as socket:
        if opening:
            _say(socket, "open", **opening)
        yield socket


def _say(socket: ClientConnection, kind: str, **fields: Any) -> None:
    socket.send(json.dumps({"type": kind, **fields}))


def _next(socket: ClientConnection) -> dict[str, Any]:
    """The next message; a binary one as its header's fields and `payload`."""
    message = socket.recv(timeout=20)
    if isinstance(message, str):
        said: dict[str, Any] = json.loads(message)
        return said
    kind, n_q, first = _HEADER.unpack_from(message)
    return {"type": {1: "tokens", 2: "audio"}[kind], "n_q": n_q, "first": first, "payload": message[12:]}


def _rest(socket: ClientConnection) -> tuple[list[dict[str, Any]], int]:
    """All messages that are left, and the code of the close."""
    messages = []
    while True:
        try:
            messages.append(_next(socket))
        except ConnectionClosed as closed:
            return messages, closed.rcvd.code if closed.rcvd else 1006


def _pcm(seconds: float) -> bytes:
    return (tone(seconds) * 32_768).astype("<i2").tobytes()


def test_audio_goes_in_and_tokens_come_out(service: Service) -> None:
    with _talk(service, operation="encode", n_q=3) as socket:
        opened = _next(socket)
        assert (opened["type"], opened["model"], opened["token_space"]) == ("opened", "echo_16k", "space-a")
        assert (opened["sample_rate"], opened["hop_samples"], opened["n_q"]) == (16_000, HOP_SAMPLES, 3)
        socket.send(_pcm(0.1))
        first = _next(socket)
        assert (first["type"], first["n_q"], first["first"]) == ("tokens", 3, 0)
        assert first["payload"] == encode(tone(0.1), 3).tobytes()
        _say(socket, "rate", n_q=2)
        socket.send(_pcm(0.1))
        _say(socket, "keep_alive")
        _say(socket, "flush", id=5)
        _say(socket, "finish")
        messages, code = _rest(socket)
    assert [message["type"] for message in messages] == ["tokens", "tokens", "flushed", "summary"]
    assert (messages[0]["n_q"], messages[0]["first"], messages[2]["id"]) == (2, 5, 5)
    assert messages[-1] == {"type": "summary", "n_samples": 3200, "n_frames": frames_of(3200)}
    assert code == 1000
    wait_until(lambda: service.metric("codec_worker_live_streams") == 0)


def test_tokens_go_in_and_audio_comes_out(service: Service) -> None:
    with _talk(service, operation="decode", token_space="space-a", n_q=4, format="f32le") as socket:
        assert _next(socket)["delay_samples"] == DELAY_SAMPLES
        socket.send(encode(tone(0.08), 4).tobytes())
        audio = _next(socket)
        assert (audio["type"], audio["first"]) == ("audio", 0)
        samples = np.frombuffer(audio["payload"], "<f4")
        assert len(samples) == 4 * HOP_SAMPLES - DELAY_SAMPLES
        assert np.abs(samples - 0.25).max() < 0.001
        _say(socket, "finish")
        assert _rest(socket)[1] == 1000


def test_audio_comes_back_as_long_as_it_was_with_its_tokens(service: Service) -> None:
    with _talk(service, operation="reconstruct", n_q=4, tokens=True) as socket:
        assert _next(socket)["type"] == "opened"
        socket.send(_pcm(0.51))
        _say(socket, "finish")
        messages, code = _rest(socket)
    audio = b"".join(message["payload"] for message in messages if message["type"] == "audio")
    tokens = b"".join(message["payload"] for message in messages if message["type"] == "tokens")
    assert len(audio) == len(_pcm(0.51))
    assert len(tokens) == frames_of(8160) * 4 * 2
    assert (messages[-1]["type"], code) == ("summary", 1000)


def test_a_stream_goes_on_after_a_prime(service: Service) -> None:
    with _talk(service, operation="encode", n_q=2, first_frame=10, prime_messages=2) as socket:
        socket.send(_pcm(0.06))
        socket.send(_pcm(0.04))
        socket.send(_pcm(0.04))
        assert _next(socket)["prime_frames"] == 2
        _say(socket, "finish")
        messages, _ = _rest(socket)
    assert messages[0]["first"] == 10
    assert messages[-1] == {"type": "summary", "n_samples": 640, "n_frames": frames_of(640)}


_ROWS: tuple[tuple[str, list[Any], str, str, int], ...] = (
    ("no JSON", ["hello"], "invalid_argument", "JSON", 4400),
    ("no type", ["{}"], "invalid_argument", "type", 4400),
    ("not an open", ['{"type": "flush"}'], "invalid_argument", "open", 4400),
    ("binary first", [b"123"], "invalid_argument", "open", 4400),
    ("unknown field", [{"operation": "encode", "nq": 3}], "invalid_argument", "nq", 4400),
    ("unknown operation", [{"operation": "sing"}], "invalid_argument", "operation", 4400),
    ("both rates", [{"operation": "encode", "n_q": 3, "bitrate_bps": 3}], "invalid_argument", "one of", 4400),
    ("n_q 33", [{"operation": "encode", "n_q": 33}], "invalid_argument", "1..32", 4400),
    ("unknown model", [{"operation": "encode", "model": "nope"}], "not_found", "nope", 4404),
    ("no n_q", [{"operation": "decode", "token_space": "space-a"}], "invalid_argument", "n_q", 4400),
    ("foreign", [{"operation": "decode", "n_q": 1, "token_space": "x"}], "token_space_mismatch", "x", 4409),
    ("odd bytes", [{"operation": "encode"}, b"123"], "invalid_argument", "whole samples", 4400),
    ("two opens", [{"operation": "encode"}, {"operation": "encode"}], "invalid_argument", "second", 4400),
    ("too large", [{"operation": "encode"}, bytes(1_100_000)], "limit_exceeded", "1048576", 1009),
    ("tokens of tokens", [{"operation": "encode", "tokens": True}], "invalid_argument", "tokens", 4400),
)


@pytest.mark.parametrize("row", _ROWS, ids=lambda row: row[0])
def test_an_error_is_said_before_the_close(row: Any, service: Service) -> None:
    _, messages, condition, says, code = row
    with _talk(service) as socket:
        for message in messages:
            if isinstance(message, dict):
                _say(socket, "open", **message)
            else:
                socket.send(message)
        said, closed = _rest(socket)
    assert (said[-1]["type"], said[-1]["code"], closed) == ("error", condition, code)
    assert says in said[-1]["message"]
    wait_until(lambda: service.metric("codec_worker_live_streams") == 0)


def test_a_client_that_vanishes_gives_its_slot_back(service: Service) -> None:
    with _talk(service, operation="encode") as socket:
        assert _next(socket)["type"] == "opened"
        assert service.metric("codec_stream_slots_used") == 1
        socket.socket.close()
    wait_until(lambda: service.metric("codec_worker_live_streams") == 0)


def test_a_full_service_says_so_before_the_upgrade_and_a_full_model_after() -> None:
    with running() as service:
        with _many(service, 4):
            with pytest.raises(InvalidStatus) as refused, _talk(service):
                raise AssertionError("there is no place")
            assert refused.value.response.status_code == 503
            assert int(refused.value.response.headers["Retry-After"]) > 0
            service.add_worker(model="other")
            wait_until(lambda: service.get("/models/other").status_code == 200)
            with _talk(service, operation="encode") as socket:
                (said,), code = _rest(socket)
            assert (said["code"], said["retry_after_seconds"], code) == ("overloaded", 1, 1013)
        wait_until(lambda: service.metric("codec_worker_live_streams") == 0)


def test_a_drain_is_announced_and_what_was_sent_is_answered() -> None:
    with running() as service, _talk(service, operation="encode", n_q=1) as socket:
        _next(socket)
        socket.send(_pcm(0.5))
        service.send({"type": "drain", "grace_seconds": 2})
        messages, code = _rest(socket)
        kinds = [message["type"] for message in messages]
        assert {"tokens", "go_away"} <= set(kinds)
        assert kinds[-2:] == ["summary", "error"]
        away = messages[kinds.index("go_away")]
        assert (away["reason"], away["deadline_ms"]) == ("shutting down", 2000)
        assert messages[-2]["n_frames"] == frames_of(8000)
        assert code == 1012
        service.wait_for("drained")


def test_silent_and_unread_streams_are_closed() -> None:
    limits = Limits(idle_stream_seconds=0.6, slow_reader_seconds=0.8)
    with running(limits=limits) as service:
        with _talk(service, operation="encode") as silent:
            said, code = _rest(silent)
        assert (said[-1]["code"], code) == ("deadline_exceeded", 4504)
        opening = {"operation": "decode", "n_q": 1, "token_space": "space-a", "format": "f32le"}
        with _talk(service, **opening) as unread:
            # Minutes of audio come of it, far beyond what the connection holds for a reader.
            for _ in range(400):
                unread.send(bytes(2 * 100))
            wait_until(lambda: service.metric("codec_streams_closed_total", reason="slow_consumer") == 1)
            wait_until(lambda: service.metric("codec_worker_live_streams") == 0)


@contextmanager
def _many(service: Service, count: int) -> Iterator[None]:
    """So many streams at a time."""
    if not count:
        yield
        return
    with _talk(service, operation="encode") as socket:
        assert _next(socket)["type"] == "opened"
        with _many(service, count - 1):
            yield
