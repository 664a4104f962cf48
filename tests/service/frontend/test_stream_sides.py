"""What the messages of both directions mean, beside a stream that has no transport."""

from typing import Any

import pytest

from proto.codec.v1 import codec_pb2 as pb
from service.frontend.live_events import Codes, Data, Flushed, GoAway, StreamLimits
from service.frontend.live_stream import LiveStream
from service.frontend.reconstruction import Reconstruction
from service.frontend.stream_sides import DecodeSide, EncodeSide, ReconstructSide
from service.ipc import Operation
from service.model_info import ModelInfo
from service.status import ServiceError

_INFO = ModelInfo("m", "1-a", "s", 16_000, 1, 320, 352, 32, 1024, True, 4)
_LIMITS = StreamLimits(window_seconds=2, slow_reader_seconds=10, idle_seconds=30)


def _stream(operation: Operation) -> LiveStream:
    return LiveStream(operation, _INFO, 8, _LIMITS)


async def test_audio_is_counted_and_its_rate_kept() -> None:
    stream, side = _stream(Operation.ENCODE), EncodeSide()
    await side.feed(stream, pb.AudioChunk(samples=bytes(640), rate=pb.Rate(n_q=3)))
    await side.feed(stream, pb.AudioChunk(samples=bytes(20)))
    await side.feed(stream, pb.AudioChunk())
    assert (stream.items_in, stream.n_q) == (330, 3)
    with pytest.raises(ServiceError, match="whole samples"):
        await side.feed(stream, pb.AudioChunk(samples=bytes(3)))


async def test_tokens_are_counted_by_frames() -> None:
    stream, side = _stream(Operation.DECODE), DecodeSide()
    await side.feed(stream, pb.Tokens(n_q=2, codes=bytes(12)))
    assert stream.items_in == 3
    with pytest.raises(ServiceError, match="codebooks"):
        await side.feed(stream, pb.Tokens(n_q=0, codes=bytes(12)))


def test_events_become_messages() -> None:
    encode, decode = _stream(Operation.ENCODE), _stream(Operation.DECODE)
    tokens = EncodeSide().response(encode, Data(7, 2, b"abcd")).tokens
    assert (tokens.first_frame, tokens.n_q, tokens.codes) == (7, 2, b"abcd")
    audio = DecodeSide().response(decode, Data(9, 2, b"efgh")).audio
    assert (audio.first_sample, audio.samples) == (9, b"efgh")
    both = Reconstruction(_INFO, 8, _LIMITS)
    assert ReconstructSide().response(both, Codes(Data(7, 2, b"abcd"))).tokens == tokens
    assert ReconstructSide().response(both, Data(9, 2, b"efgh")).audio == audio
    pairs: list[tuple[Any, Any]] = [(EncodeSide(), encode), (DecodeSide(), decode), (ReconstructSide(), both)]
    for side, stream in pairs:
        assert side.response(stream, Flushed(3)).flushed.id == 3
        assert side.response(stream, GoAway("why", 1.5)).go_away.deadline_ms == 1500
        assert side.opened(stream).opened.hop_samples == 320
