"""Live streams over gRPC, over real sockets."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import grpc
import numpy as np
import pytest

from proto.codec.v1 import codec_pb2 as pb
from proto.codec.v1 import codec_pb2_grpc
from service.config import Limits
from tests.service.echo_worker import frames_of
from tests.service.frontend.harness import Service, running, wait_until
from tests.service.frontend.talk import (
    DecodeRequest,
    Request,
    Talk,
    audio,
    open_decode,
    open_encode,
    tokens,
)

_INVALID = grpc.StatusCode.INVALID_ARGUMENT


@pytest.fixture(scope="module")
def channel(service: Service) -> Iterator[grpc.Channel]:
    """A connection to the service."""
    with grpc.insecure_channel(service.grpc_target) as channel:
        yield channel


def test_audio_goes_in_and_tokens_come_out(channel: grpc.Channel) -> None:
    with Talk(channel) as talk:
        talk.send(open_encode())
        opened = talk.next().opened
        assert opened.identity.version == "1-aaaaaaaaaaaa"
        assert (opened.sample_rate, opened.hop_samples, opened.n_q) == (16_000, 320, 4)
        talk.send(audio(1280))
        answer = talk.next().tokens
        assert (answer.n_q, answer.first_frame, len(answer.codes)) == (4, 0, 4 * 4 * 2)
        talk.send(audio(100), audio(1180))
        assert talk.next().tokens.first_frame == 4
        talk.send(audio(99))
        talk.finish()
        rest = talk.rest()
    n_samples = 1280 + 100 + 1180 + 99
    assert [answer.WhichOneof("message") for answer in rest] == ["tokens", "summary"]
    assert rest[-1].summary == pb.Summary(n_samples=n_samples, n_frames=frames_of(n_samples))


def test_flush_ends_a_segment_and_the_next_starts_afresh(channel: grpc.Channel) -> None:
    with Talk(channel) as talk:
        talk.send(open_encode(), audio(500), Request(flush=pb.Flush(id=77)), audio(640))
        talk.finish()
        answers = talk.rest()
    kinds = [answer.WhichOneof("message") for answer in answers]
    flushed = kinds.index("flushed")
    assert answers[flushed].flushed.id == 77
    before = [answer.tokens for answer in answers[1:flushed]]
    after = [answer.tokens for answer in answers[flushed + 1 : -1]]
    assert sum(len(piece.codes) for piece in before) == frames_of(500) * 8
    assert after[0].first_frame == 0
    assert sum(len(piece.codes) for piece in after) == frames_of(640) * 8
    assert answers[-1].summary.n_samples == 1140


def test_n_q_changes_inside_a_stream(channel: grpc.Channel) -> None:
    with Talk(channel) as talk:
        talk.send(open_encode(8), audio(640))
        chunk = audio(640)
        chunk.audio.rate.n_q = 2
        talk.send(chunk, audio(640))
        talk.finish()
        widths = [answer.tokens.n_q for answer in talk.rest() if answer.WhichOneof("message") == "tokens"]
    assert widths == [8, 2, 2, 2]


def test_tokens_go_in_and_audio_comes_out(channel: grpc.Channel) -> None:
    with Talk(channel, "StreamDecode") as talk:
        talk.send(open_decode(format=pb.PCM_FORMAT_F32LE))
        assert talk.next().opened.delay_samples == 352
        talk.send(tokens(4))
        first = talk.next().audio
        samples = np.frombuffer(first.samples, "<f4")
        assert (first.first_sample, len(samples)) == (0, 4 * 320 - 352)
        assert np.abs(samples - 0.25).max() < 0.001
        talk.send(tokens(1, n_q=1))
        second = talk.next().audio
        assert (second.first_sample, len(second.samples)) == (928, 4 * 320)
        talk.finish()
        assert talk.rest()[-1].summary == pb.Summary(n_samples=928 + 320, n_frames=5)


def test_streams_are_pinned_to_the_version_they_name(channel: grpc.Channel) -> None:
    named = pb.ModelRef(model="echo_16k", version="1-aaaaaaaaaaaa")
    with Talk(channel, "StreamDecode") as talk:
        talk.send(DecodeRequest(open=pb.OpenDecode(model=named)))
        assert talk.next().opened.identity.version == "1-aaaaaaaaaaaa"


@dataclass(frozen=True)
class Row:
    """Messages of a bad stream, and its status."""

    name: str
    method: str
    messages: tuple[Any, ...]
    code: grpc.StatusCode
    says: str


_NAN = Request(audio=pb.AudioChunk(samples=np.array([0, np.nan], "<f4").tobytes()))
_UNKNOWN = pb.ModelRef(model="nope")
_ENCODE_ROWS = (
    Row("audio before Open", "StreamEncode", (audio(320),), _INVALID, "Open"),
    Row("flush before Open", "StreamEncode", (Request(flush=pb.Flush()),), _INVALID, "Open"),
    Row("nothing at all", "StreamEncode", (None,), _INVALID, "Open"),
    Row("an empty message first", "StreamEncode", (Request(),), _INVALID, "Open"),
    Row("a second Open", "StreamEncode", (open_encode(), open_encode()), _INVALID, "second Open"),
    Row("an empty message", "StreamEncode", (open_encode(), Request()), _INVALID, "empty"),
    Row(
        "odd bytes",
        "StreamEncode",
        (open_encode(), Request(audio=pb.AudioChunk(samples=bytes(5)))),
        _INVALID,
        "whole samples",
    ),
    Row("NaN", "StreamEncode", (open_encode(format=pb.PCM_FORMAT_F32LE), _NAN), _INVALID, "NaN"),
    Row("another rate", "StreamEncode", (open_encode(sample_rate=8000),), _INVALID, "16000"),
    Row("n_q 33", "StreamEncode", (open_encode(33),), _INVALID, "1..32"),
    Row("n_q 0", "StreamEncode", (open_encode(0),), _INVALID, "1..32"),
    Row("unknown model", "StreamEncode", (open_encode(model=_UNKNOWN),), grpc.StatusCode.NOT_FOUND, "echo"),
    Row("too large", "StreamEncode", (open_encode(), audio(600_000)), _INVALID, "1048576"),
)
_DECODE_ROWS = (
    Row("tokens before Open", "StreamDecode", (tokens(1),), _INVALID, "Open"),
    Row("code 1024", "StreamDecode", (open_decode(), tokens(1, code=1024)), _INVALID, "0..1023"),
    Row("no token space", "StreamDecode", (open_decode(""),), _INVALID, "token_space"),
    Row(
        "foreign tokens",
        "StreamDecode",
        (open_decode("other"),),
        grpc.StatusCode.FAILED_PRECONDITION,
        "space-a",
    ),
    Row("33 codebooks", "StreamDecode", (open_decode(), tokens(1, n_q=33)), _INVALID, "1..32"),
    Row(
        "half a frame",
        "StreamDecode",
        (open_decode(), DecodeRequest(tokens=pb.Tokens(n_q=4, codes=bytes(6)))),
        _INVALID,
        "whole frames",
    ),
)


@pytest.mark.parametrize("row", [*_ENCODE_ROWS, *_DECODE_ROWS], ids=lambda row: row.name)
def test_the_status_is_the_one_of_the_table(row: Row, channel: grpc.Channel, service: Service) -> None:
    with Talk(channel, row.method) as talk:
        talk.send(*row.messages)
        code, details = talk.status()
    assert code is row.code
    assert row.says in details
    _still_serves(channel)
    wait_until(lambda: service.metric("codec_stream_slots_used") == 0)


def test_bytes_that_are_no_message_end_the_stream_only(channel: grpc.Channel, service: Service) -> None:
    raw: Callable[[Any], Any] = channel.stream_stream("/codec.v1.Codec/StreamEncode")
    call = raw(iter([open_encode().SerializeToString(), b"\xff\xff\xff\xff garbage"]))
    with pytest.raises(grpc.RpcError) as caught:
        list(call)
    assert caught.value.code() in (grpc.StatusCode.INTERNAL, _INVALID)
    _still_serves(channel)
    wait_until(lambda: service.metric("codec_stream_slots_used") == 0)


def test_a_client_that_vanishes_gives_its_slot_back(service: Service) -> None:
    with grpc.insecure_channel(service.grpc_target) as channel:
        talks = [Talk(channel) for _ in range(4)]
        for talk in talks:
            talk.send(open_encode(), audio(320))
            assert talk.next().HasField("opened")
        wait_until(lambda: service.metric("codec_stream_slots_used") == 4)
        wait_until(lambda: service.metric("codec_worker_live_streams") == 4)
        with Talk(channel) as fifth:
            fifth.send(open_encode())
            code, details = fifth.status()
            assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert "try again" in details
            pushback = dict(fifth.call.trailing_metadata())["grpc-retry-pushback-ms"]
            assert int(pushback) > 0
    for talk in talks:
        talk.finish()
    wait_until(lambda: service.metric("codec_stream_slots_used") == 0)
    wait_until(lambda: service.metric("codec_worker_live_streams") == 0)
    assert service.metric("codec_streams_closed_total", reason="cancelled") >= 4
    assert service.metric("codec_rejected_total", reason="overloaded") >= 1


def test_a_silent_stream_is_closed_unless_it_keeps_alive() -> None:
    limits = Limits(idle_stream_seconds=0.8)
    with running(limits=limits) as service, grpc.insecure_channel(service.grpc_target) as channel:
        with Talk(channel) as silent, Talk(channel) as kept:
            silent.send(open_encode(), audio(320))
            kept.send(open_encode(), audio(320))
            silent.next()
            kept.next()
            for _ in range(5):
                kept.send(Request(keep_alive=pb.KeepAlive()))
                time.sleep(0.3)
            assert silent.status()[0] is grpc.StatusCode.DEADLINE_EXCEEDED
            kept.finish()
            assert kept.status()[0] is grpc.StatusCode.OK
        with Talk(channel) as never_opened:
            assert never_opened.status()[0] is grpc.StatusCode.DEADLINE_EXCEEDED


def test_input_beyond_the_window_is_not_read_but_nothing_is_lost() -> None:
    """A worker that takes 50 ms per message gets no more than a window ahead of its output."""
    limits = Limits(stream_window_seconds=0.2)
    with Service(limits=limits) as service:
        service.add_worker(step_delay_seconds=0.05)
        service.wait_ready()
        with grpc.insecure_channel(service.grpc_target) as channel, Talk(channel) as talk:
            talk.send(open_encode(1), *(audio(1600) for _ in range(30)))
            talk.finish()
            answers = talk.rest()
    frames = [answer.tokens.first_frame for answer in answers if answer.WhichOneof("message") == "tokens"]
    assert frames == sorted(frames)
    assert answers[-1].summary == pb.Summary(n_samples=48_000, n_frames=frames_of(48_000))


def test_a_client_that_does_not_read_is_closed() -> None:
    limits = Limits(slow_reader_seconds=1.0)
    with running(limits=limits) as service:
        options = [("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 65_535)]
        with grpc.insecure_channel(service.grpc_target, options) as channel:
            with Talk(channel, "StreamDecode") as talk:
                # 60 s of audio come of it, far beyond what the connection holds for a reader.
                talk.send(open_decode(format=pb.PCM_FORMAT_F32LE), *(tokens(50, n_q=1) for _ in range(60)))
                wait_until(lambda: service.metric("codec_streams_closed_total", reason="slow_consumer") == 1)
                wait_until(lambda: service.metric("codec_worker_live_streams") == 0)
                assert talk.status()[0] is grpc.StatusCode.ABORTED
            _still_serves(channel)


def _still_serves(channel: grpc.Channel) -> None:
    stub = codec_pb2_grpc.CodecStub(channel)
    requests = iter([open_encode(2), audio(640)])
    answers = list(stub.StreamEncode(requests))
    assert answers[-1].summary.n_frames == frames_of(640)
