"""The unary RPCs, health and reflection, over real sockets."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from proto.codec.v1 import codec_pb2 as pb
from proto.codec.v1 import codec_pb2_grpc
from tests.service.echo_worker import encode, frames_of
from tests.service.frontend import bodies
from tests.service.frontend.harness import Service, tone, wav

_S16 = (tone(0.5) * 32_767).astype("<i2").tobytes()
_PCM = pb.RawPcm(sample_rate=16_000, channels=1, samples=_S16)
_CODES = encode(tone(0.5), 4).astype("<u2").tobytes()


@pytest.fixture(scope="module")
def channel(service: Service) -> Iterator[grpc.Channel]:
    """A connection to the service."""
    with grpc.insecure_channel(service.grpc_target) as channel:
        yield channel


@pytest.fixture(scope="module")
def codec(channel: grpc.Channel) -> codec_pb2_grpc.CodecStub:
    """The codec."""
    return codec_pb2_grpc.CodecStub(channel)


def test_encode_takes_files_and_samples(codec: codec_pb2_grpc.CodecStub) -> None:
    from_file = codec.Encode(pb.EncodeRequest(file=wav(0.5), rate=pb.Rate(n_q=4)))
    from_pcm = codec.Encode(pb.EncodeRequest(pcm=_PCM, rate=pb.Rate(bitrate_bps=2000)))
    assert from_file.identity.version == "1-aaaaaaaaaaaa"
    assert (from_file.n_samples, from_file.sample_rate) == (8000, 16_000)
    codes = np.frombuffer(from_file.tokens.codes, "<u2").reshape(-1, 4)
    assert len(codes) == frames_of(8000)
    assert np.array_equal(codes[:25], encode(tone(0.5), 4))
    assert from_pcm.tokens == from_file.tokens


def test_decode_gives_the_length_asked_for(codec: codec_pb2_grpc.CodecStub) -> None:
    tokens = pb.Tokens(n_q=4, codes=_CODES)
    request = pb.DecodeRequest(token_space="space-a", tokens=tokens, n_samples=7000)
    answer = codec.Decode(request)
    assert len(answer.pcm.samples) == 14_000
    assert answer.identity.token_space == "space-a"
    by_version = pb.ModelRef(model="echo_16k", version="1-aaaaaaaaaaaa")
    whole = codec.Decode(pb.DecodeRequest(model=by_version, tokens=tokens, format=pb.PCM_FORMAT_F32LE))
    assert np.frombuffer(whole.pcm.samples, "<f4").shape == (25 * 320 - 352,)


def test_reconstruct_gives_the_length_that_came(codec: codec_pb2_grpc.CodecStub) -> None:
    answer = codec.Reconstruct(pb.EncodeRequest(pcm=_PCM))
    assert answer.n_q == 8
    samples = np.frombuffer(answer.pcm.samples, "<i2")
    assert len(samples) == 8000
    assert np.abs(samples[:7000] / 32_768 - 0.25).max() < 0.002


@dataclass(frozen=True)
class Row:
    """A bad request and its status."""

    name: str
    method: str
    request: pb.EncodeRequest | pb.DecodeRequest
    code: grpc.StatusCode
    says: str = ""


_INVALID = grpc.StatusCode.INVALID_ARGUMENT
_UNKNOWN = grpc.StatusCode.NOT_FOUND


def _decode(
    n_q: int = 4, codes: bytes = _CODES, token_space: str = "space-a", model: str = "", samples: int = 0
) -> pb.DecodeRequest:
    return pb.DecodeRequest(
        model=pb.ModelRef(model=model),
        token_space=token_space,
        tokens=pb.Tokens(n_q=n_q, codes=codes),
        n_samples=samples,
    )


_ROWS = (
    Row("nothing", "Encode", pb.EncodeRequest(), _INVALID, "empty"),
    Row("text", "Encode", pb.EncodeRequest(file=b"no audio at all"), _INVALID),
    Row("n_q 0", "Encode", pb.EncodeRequest(file=wav(), rate=pb.Rate(n_q=0)), _INVALID, "1..32"),
    Row("n_q 33", "Reconstruct", pb.EncodeRequest(file=wav(), rate=pb.Rate(n_q=33)), _INVALID, "1..32"),
    Row("no rate", "Encode", pb.EncodeRequest(pcm=pb.RawPcm(samples=_S16, channels=1)), _INVALID),
    Row("no channels", "Encode", pb.EncodeRequest(pcm=pb.RawPcm(samples=_S16, sample_rate=16_000)), _INVALID),
    Row(
        "odd bytes",
        "Encode",
        pb.EncodeRequest(pcm=pb.RawPcm(samples=_S16[1:], sample_rate=16_000, channels=1)),
        _INVALID,
        "whole number",
    ),
    Row("unknown model", "Encode", pb.EncodeRequest(file=wav(), model=pb.ModelRef(model="no")), _UNKNOWN),
    Row("unknown version", "Encode", pb.EncodeRequest(file=wav(), model=pb.ModelRef(version="no")), _UNKNOWN),
    Row("no tokens", "Decode", pb.DecodeRequest(token_space="space-a"), _INVALID),
    Row("no token space", "Decode", _decode(token_space=""), _INVALID, "token_space"),
    Row("foreign tokens", "Decode", _decode(token_space="x"), grpc.StatusCode.FAILED_PRECONDITION, "space-a"),
    Row("code 1024", "Decode", _decode(codes=b"\0\4" * 40), _INVALID, "0..1023"),
    Row("half a frame", "Decode", _decode(codes=_CODES[2:]), _INVALID, "whole frames"),
    Row("33 codebooks", "Decode", _decode(n_q=33, codes=bytes(66 * 5)), _INVALID, "1..32"),
    Row("one frame", "Decode", _decode(codes=_CODES[:8]), _INVALID, "delay"),
    Row("more samples than frames", "Decode", _decode(samples=10**9), _INVALID),
    Row(
        "4 MB",
        "Encode",
        pb.EncodeRequest(file=bytes(5 * 2**20)),
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    ),
)


@pytest.mark.parametrize("row", _ROWS, ids=lambda row: row.name)
def test_the_status_is_the_one_of_the_table(row: Row, codec: codec_pb2_grpc.CodecStub) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        getattr(codec, row.method)(row.request)
    assert caught.value.code() is row.code
    assert row.says in (caught.value.details() or "")
    assert codec.Encode(pb.EncodeRequest(file=wav(0.1))).n_samples == 1600


def test_an_unknown_pcm_format_is_refused(codec: codec_pb2_grpc.CodecStub) -> None:
    request = _decode()
    request.format = 7  # type: ignore[assignment]
    with pytest.raises(grpc.RpcError) as caught:
        codec.Decode(request)
    assert caught.value.code() is _INVALID


def test_models_are_listed_and_found(channel: grpc.Channel) -> None:
    stub = codec_pb2_grpc.ModelsStub(channel)
    listed = stub.List(pb.ListModelsRequest()).models
    assert [model.identity.model for model in listed] == ["echo_16k"]
    assert stub.Get(pb.GetModelRequest()) == listed[0]
    assert (listed[0].max_n_q, listed[0].codebook_size, listed[0].delay_samples) == (32, 1024, 352)
    with pytest.raises(grpc.RpcError) as caught:
        stub.Get(pb.GetModelRequest(model=pb.ModelRef(model="nope")))
    assert caught.value.code() is _UNKNOWN


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


def test_a_reconstruction_matches_the_bodies_of_rest(codec: codec_pb2_grpc.CodecStub) -> None:
    content = bodies.sound_file(0.3, 48_000, form="FLAC")
    assert len(codec.Reconstruct(pb.EncodeRequest(file=content)).pcm.samples) == 2 * 4800
