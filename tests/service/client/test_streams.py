"""The words of live streams, without a connection."""

import numpy as np
import pytest

from proto.codec.v1 import codec_pb2 as pb
from service.client.errors import ServiceFailedError, TryAgainError
from service.client.exchange import Selection
from service.client.streams import DecodeTalk, EncodeTalk, check_end

_OPENED = pb.Opened(
    identity=pb.Identity(model="m", version="1-a", token_space="s"), sample_rate=16_000, codebook_size=1024
)


def test_a_selection_becomes_an_open() -> None:
    opening = EncodeTalk(Selection("m@1-a", n_q=5)).open().open
    assert (opening.model.model, opening.model.version, opening.rate.n_q) == ("m", "1-a", 5)
    assert EncodeTalk(Selection(bitrate_bps=900)).open().open.rate.bitrate_bps == 900
    assert not EncodeTalk(Selection()).open().open.HasField("rate")
    assert DecodeTalk("s", None).open().open.token_space == "s"


def test_16_bit_bytes_and_floats_say_the_same() -> None:
    talk = EncodeTalk(Selection())
    samples = np.array([0.5, -0.25], np.float32)
    as_bytes = (samples * 32_768).astype("<i2").tobytes()
    assert talk.request(as_bytes) == talk.request(samples)


def test_chunks_carry_what_gives_them_a_meaning() -> None:
    talk = EncodeTalk(Selection())
    assert list(talk.chunks(pb.StreamEncodeResponse(opened=_OPENED))) == []
    codes = np.array([[1, 2], [3, 4]], "<u2").tobytes()
    answer = pb.StreamEncodeResponse(tokens=pb.Tokens(n_q=2, first_frame=9, codes=codes))
    (chunk,) = talk.chunks(answer)
    assert chunk.codes.tolist() == [[1, 3], [2, 4]]
    assert (chunk.first_frame, chunk.identity.token_space) == (9, "s")
    assert DecodeTalk("s", None).request(chunk).tokens.codes == codes


def test_a_service_that_leaves_ends_the_stream_with_a_hint() -> None:
    talk = DecodeTalk("s", None)
    check_end(talk)
    assert list(talk.chunks(pb.StreamDecodeResponse(go_away=pb.GoAway()))) == []
    with pytest.raises(TryAgainError):
        check_end(talk)


def test_output_before_opened_is_a_defect_of_the_service() -> None:
    with pytest.raises(ServiceFailedError):
        list(DecodeTalk("s", None).chunks(pb.StreamDecodeResponse(audio=pb.PcmChunk())))
