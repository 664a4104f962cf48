"""One good request of every kind, whose answer is compared with the library's, bit for bit."""

import io
from typing import cast

import grpc
import httpx
import numpy as np
import soundfile

from codec.container import read_cdc
from proto.codec.v1 import codec_pb2 as pb
from proto.codec.v1 import codec_pb2_grpc
from tests.faults.service import N_Q, Clip, FaultyService

# What 16 bits make of a sample.
_HALF_STEP = 1.0 / 32_768


class WrongAnswerError(Exception):
    """An answer that says "well done" and is not what the library gives."""


def code_of(error: grpc.RpcError) -> grpc.StatusCode:
    """The status of a call that failed."""
    code: grpc.StatusCode = cast(grpc.Call, error).code()
    return code


def check_encode(client: httpx.Client, clip: Clip, body: bytes | None = None) -> httpx.Response:
    """`POST /encode`; raises `WrongAnswerError` for other codes than the library's."""
    response = client.post(f"/encode?n_q={N_Q}", content=clip.wav if body is None else body)
    if response.status_code == 200 and not np.array_equal(read_cdc(response.content).codes, clip.codes):
        raise WrongAnswerError("encode gave other codes than the library")
    return response


def check_decode(client: httpx.Client, clip: Clip) -> httpx.Response:
    """`POST /decode`; raises `WrongAnswerError` for other samples than the library's."""
    response = client.post("/decode", content=clip.cdc)
    if response.status_code == 200:
        samples, _ = soundfile.read(io.BytesIO(response.content), dtype="float32")
        # Steps of other widths round the last bit of a float otherwise.
        if len(samples) != len(clip.decoded) or np.abs(samples - clip.decoded).max() > 2 * _HALF_STEP:
            raise WrongAnswerError("decode gave other samples than the library")
    return response


def check_stream(channel: grpc.Channel, clip: Clip, timeout_seconds: float = 20.0) -> None:
    """`StreamEncode` in pieces; raises `grpc.RpcError`, or `WrongAnswerError` for other codes."""
    step = 1280
    pcm = np.rint(clip.pcm * 32768).astype("<i2")
    requests = [pb.StreamEncodeRequest(open=pb.OpenEncode(rate=pb.Rate(n_q=N_Q)))]
    requests += [
        pb.StreamEncodeRequest(audio=pb.AudioChunk(samples=pcm[start : start + step].tobytes()))
        for start in range(0, len(pcm), step)
    ]
    got = b""
    frame = 0
    call = codec_pb2_grpc.CodecStub(channel).StreamEncode(iter(requests), timeout=timeout_seconds)
    for response in call:
        if response.HasField("tokens"):
            if response.tokens.first_frame != frame:
                raise WrongAnswerError(f"frame {response.tokens.first_frame} came instead of {frame}")
            got += response.tokens.codes
            frame += len(response.tokens.codes) // (2 * N_Q)
    if got != clip.wire:
        raise WrongAnswerError("the stream gave other codes than the library")


def check_all(service: FaultyService) -> None:
    """Every kind of request is served, and right."""
    with (
        httpx.Client(base_url=service.base_url, timeout=20.0) as client,
        grpc.insecure_channel(service.grpc_target) as channel,
    ):
        for clip in service.clips:
            for response in (
                check_encode(client, clip),
                check_encode(client, clip, clip.flac),
                check_decode(client, clip),
            ):
                assert response.status_code == 200, response.text
            check_stream(channel, clip)
