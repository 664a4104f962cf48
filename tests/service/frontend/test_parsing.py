"""Bytes that are no message: every method says so, and goes on serving others."""

from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from proto.codec.v1 import codec_pb2 as pb
from proto.codec.v1 import codec_pb2_grpc
from tests.service.frontend.harness import Service, running, wav
from tests.service.frontend.talk import open_encode

_NO_MESSAGE = b"\xff\xff\xff"


@pytest.fixture(scope="module")
def channel() -> Iterator[grpc.Channel]:
    with running() as service, _channel(service) as channel:
        yield channel


def _channel(service: Service) -> grpc.Channel:
    return grpc.insecure_channel(service.grpc_target)


def _assert_refused(call: Any) -> None:
    assert call.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "cannot be parsed" in str(call.details())


@pytest.mark.parametrize("method", ["Codec/Encode", "Codec/Decode", "Codec/Reconstruct", "Models/Get"])
def test_one_request_that_does_not_parse(method: str, channel: grpc.Channel) -> None:
    ask: Any = channel.unary_unary(f"/codec.v1.{method}")
    with pytest.raises(grpc.RpcError) as caught:
        ask(_NO_MESSAGE)
    _assert_refused(caught.value)


def test_a_watch_that_does_not_parse(channel: grpc.Channel) -> None:
    watch: Any = channel.unary_stream("/codec.v1.Models/Watch")
    call = watch(_NO_MESSAGE)
    with pytest.raises(grpc.RpcError):
        next(call)
    _assert_refused(call)


@pytest.mark.parametrize("sent", [[], [open_encode().SerializeToString()]], ids=["first", "second"])
def test_a_message_of_a_stream_that_does_not_parse(sent: list[bytes], channel: grpc.Channel) -> None:
    talk: Any = channel.stream_stream("/codec.v1.Codec/StreamEncode")
    call = talk(iter([*sent, _NO_MESSAGE]))
    with pytest.raises(grpc.RpcError):
        list(call)
    _assert_refused(call)


def test_messages_that_parse_are_served(channel: grpc.Channel) -> None:
    answer = codec_pb2_grpc.CodecStub(channel).Encode(pb.EncodeRequest(file=wav(0.1)))
    assert answer.tokens.codes
