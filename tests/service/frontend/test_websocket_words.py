"""The messages of the WebSocket and those of gRPC, without a connection."""

import json
import struct
from typing import Any

import pytest

from proto.codec.v1 import codec_pb2 as pb
from service.frontend.stream_sides import DecodeSide, EncodeSide, ReconstructSide
from service.frontend.websocket_words import Dialect, Open, close_code, parse, worded, worded_error
from service.status import ANSWERS, Condition, ServiceError


def _dialect(operation: str, **fields: Any) -> Dialect:
    words = parse(json.dumps({"type": "open", "operation": operation, **fields}))
    assert isinstance(words, Open)
    return Dialect(words)


def test_an_open_is_that_of_its_operation() -> None:
    encode = _dialect("encode", model="m@1-a", bitrate_bps=900, format="f32le", sample_rate=16_000)
    opening = encode.open([b"1234"]).open
    assert opening == pb.OpenEncode(
        model=pb.ModelRef(model="m@1-a"),
        rate=pb.Rate(bitrate_bps=900),
        format=pb.PCM_FORMAT_F32LE,
        sample_rate=16_000,
        prime=[pb.AudioChunk(samples=b"1234", rate=pb.Rate(bitrate_bps=900))],
    )
    both = _dialect("reconstruct", tokens=True, first_frame=7).open([]).open
    assert (both.tokens, both.first_frame) == (True, 7)
    decode = _dialect("decode", token_space="s", n_q=2).open([b"1234"]).open
    assert (decode.token_space, decode.prime[0]) == ("s", pb.Tokens(n_q=2, codes=b"1234"))
    kinds = [type(_dialect(name, n_q=1).side()) for name in ("encode", "decode", "reconstruct")]
    assert kinds == [EncodeSide, DecodeSide, ReconstructSide]


def test_a_rate_is_of_the_messages_after_it() -> None:
    encode = _dialect("encode", n_q=4)
    encode.open([])
    assert not encode.data(b"12").audio.HasField("rate")
    assert encode.said(parse('{"type": "rate", "n_q": 2}')) is None
    assert encode.data(b"12").audio.rate.n_q == 2
    assert not encode.data(b"12").audio.HasField("rate")
    decode = _dialect("decode", n_q=4)
    assert decode.said(parse('{"type": "rate", "n_q": 2}')) is None
    assert [decode.data(b"12").tokens.n_q for _ in range(2)] == [2, 2]
    with pytest.raises(ServiceError, match="bitrate"):
        decode.said(parse('{"type": "rate", "bitrate_bps": 900}'))


def test_what_else_a_client_may_say() -> None:
    dialect = _dialect("encode")
    assert dialect.said(parse('{"type": "flush", "id": 9}')).flush.id == 9
    assert dialect.said(parse('{"type": "keep_alive"}')).WhichOneof("message") == "keep_alive"
    for text in (
        "",
        "[]",
        "null",
        '{"type": "sing"}',
        '{"type": "flush", "id": -1}',
        '{"type": "flush", "id": true}',
    ):
        with pytest.raises(ServiceError) as refused:
            parse(text)
        assert refused.value.condition is Condition.INVALID_ARGUMENT


def test_output_has_a_header_and_the_rest_is_json() -> None:
    tokens = pb.StreamEncodeResponse(tokens=pb.Tokens(n_q=3, first_frame=1 << 40, codes=b"abcdef"))
    assert worded(tokens) == struct.pack("<HHQ", 1, 3, 1 << 40) + b"abcdef"
    pcm = pb.StreamDecodeResponse(audio=pb.PcmChunk(first_sample=5, samples=b"ab"))
    assert worded(pcm) == struct.pack("<HHQ", 2, 0, 5) + b"ab"
    identity = pb.Identity(model="m", version="1-a", token_space="s")
    opened = json.loads(worded(pb.StreamEncodeResponse(opened=pb.Opened(identity=identity, n_q=2))))
    assert (opened["type"], opened["model"], opened["version"], opened["n_q"]) == ("opened", "m", "1-a", 2)
    assert "prime_frames" not in opened
    away = json.loads(worded(pb.StreamEncodeResponse(go_away=pb.GoAway(reason="r", prime_frames=0))))
    assert away == {"type": "go_away", "reason": "r", "deadline_ms": 0, "prime_frames": 0}


def test_every_condition_has_its_code() -> None:
    for condition in Condition:
        code = close_code(condition)
        assert code in (1009, 1011, 1012, 1013) or code == 4000 + ANSWERS[condition].http_status
        said = json.loads(worded_error(ServiceError(condition, "why")))
        assert (said["code"], said["message"]) == (condition.name.lower(), "why")
        assert ("retry_after_seconds" in said) == ANSWERS[condition].retry
