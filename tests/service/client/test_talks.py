"""The words of live streams, without a connection."""

import numpy as np
import pytest

from proto.codec.v1 import codec_pb2 as pb
from service.client.errors import RefusedError, ServiceFailedError
from service.client.exchange import Selection
from service.client.history import History
from service.client.talks import DecodeTalk, EncodeTalk, ReconstructTalk

_IDENTITY = pb.Identity(model="m", version="1-a", token_space="s")
_OPENED = pb.Opened(
    identity=_IDENTITY, sample_rate=16_000, hop_samples=4, delay_samples=6, codebook_size=1024, prime_frames=2
)


def _tokens(first_frame: int, frames: int) -> pb.StreamEncodeResponse:
    codes = np.arange(2 * frames, dtype="<u2").tobytes()
    return pb.StreamEncodeResponse(tokens=pb.Tokens(n_q=2, first_frame=first_frame, codes=codes))


def _sound(first_sample: int, count: int) -> pb.PcmChunk:
    samples = np.arange(first_sample, first_sample + count, dtype="<f4").tobytes()
    return pb.PcmChunk(first_sample=first_sample, samples=samples)


def _spoken(n_samples: int) -> History:
    history = History()
    history.append(np.arange(n_samples, dtype=np.float32))
    return history


def test_a_selection_becomes_an_open() -> None:
    opening = EncodeTalk(Selection("m@1-a", n_q=5)).open(History()).open
    assert (opening.model.model, opening.rate.n_q) == ("m@1-a", 5)
    assert EncodeTalk(Selection(bitrate_bps=900)).open(History()).open.rate.bitrate_bps == 900
    assert not ReconstructTalk(Selection()).open(History()).open.HasField("rate")
    assert DecodeTalk("s", None).open(History()).open.token_space == "s"


def test_16_bit_bytes_and_floats_say_the_same() -> None:
    talk = EncodeTalk(Selection())
    samples = np.array([0.5, -0.25], np.float32)
    as_bytes = (samples * 32_768).astype("<i2").tobytes()
    assert talk.piece(as_bytes).tolist() == talk.piece(samples).tolist()
    assert talk.request(samples).audio.samples == samples.astype("<f4").tobytes()


def test_chunks_carry_what_gives_them_a_meaning() -> None:
    talk = EncodeTalk(Selection())
    assert list(talk.chunks(pb.StreamEncodeResponse(opened=_OPENED))) == []
    (chunk,) = talk.chunks(_tokens(0, 2))
    assert chunk.codes.tolist() == [[0, 2], [1, 3]]
    assert (chunk.first_frame, chunk.identity.token_space) == (0, "s")
    decode = DecodeTalk("s", None)
    assert decode.request(decode.piece(chunk)).tokens.codes == _tokens(0, 2).tokens.codes


def test_a_lost_encoding_goes_on_behind_its_last_frame() -> None:
    talk = EncodeTalk(Selection(n_q=2))
    list(talk.chunks(pb.StreamEncodeResponse(opened=_OPENED)))
    list(talk.chunks(_tokens(0, 5)))
    history = _spoken(23)
    assert talk.needed_from(history) == 12
    opening = talk.open(history).open
    assert (opening.first_frame, talk.position, opening.model.version) == (5, 20, "1-a")
    prime = b"".join(chunk.samples for chunk in opening.prime)
    assert np.frombuffer(prime, "<f4").tolist() == list(range(12, 20))


def test_what_the_caller_has_is_not_told_again() -> None:
    """A flushed stream has given frames of padding; the next stream begins where all input is known."""
    talk = EncodeTalk(Selection(n_q=2))
    list(talk.chunks(pb.StreamEncodeResponse(opened=_OPENED)))
    list(talk.chunks(_tokens(0, 7)))
    assert talk.open(_spoken(23)).open.first_frame == 5
    (chunk,) = talk.chunks(_tokens(5, 3))
    assert (chunk.first_frame, chunk.codes.shape[1]) == (7, 1)
    assert list(talk.chunks(_tokens(5, 3))) == []


def test_a_lost_decoding_goes_on_with_the_frame_whose_samples_are_missing() -> None:
    talk = DecodeTalk("s", None)
    list(talk.chunks(pb.StreamDecodeResponse(opened=_OPENED)))
    list(talk.chunks(pb.StreamDecodeResponse(audio=_sound(0, 4 * 4 - 6))))
    history = History()
    for _ in range(3):
        history.append(np.zeros((2, 2), np.uint16))
    opening = talk.open(history).open
    assert (opening.first_frame, talk.position) == (4, 4)
    assert sum(len(tokens.codes) for tokens in opening.prime) == 2 * 2 * 2
    (chunk,) = talk.chunks(pb.StreamDecodeResponse(audio=_sound(8, 6)))
    assert (chunk.first_sample, chunk.samples.tolist()) == (10, [10, 11, 12, 13])


def test_a_stream_without_a_prime_is_resumed_only_before_its_first_output() -> None:
    talk = ReconstructTalk(Selection())
    before = talk.can_resume
    unbounded = pb.Opened(identity=_IDENTITY, hop_samples=4)
    list(talk.chunks(pb.StreamReconstructResponse(opened=unbounded)))
    opened = talk.can_resume
    list(talk.chunks(pb.StreamReconstructResponse(audio=_sound(0, 4))))
    assert (before, opened, talk.can_resume) == (False, True, False)


def test_another_token_space_is_refused() -> None:
    talk = EncodeTalk(Selection())
    list(talk.chunks(pb.StreamEncodeResponse(opened=_OPENED)))
    other = pb.Opened(identity=pb.Identity(model="m", version="2-b", token_space="t"))
    with pytest.raises(RefusedError, match="2-b"):
        list(talk.chunks(pb.StreamEncodeResponse(opened=other)))


def test_a_service_that_leaves_is_asked_for_its_served_version_next() -> None:
    talk = DecodeTalk("s", "m")
    list(talk.chunks(pb.StreamDecodeResponse(opened=_OPENED)))
    assert list(talk.chunks(pb.StreamDecodeResponse(go_away=pb.GoAway()))) == []
    left = talk.is_leaving
    assert talk.open(History()).open.model == pb.ModelRef(model="m")
    assert (left, talk.is_leaving) == (True, False)


def test_output_before_opened_is_a_defect_of_the_service() -> None:
    with pytest.raises(ServiceFailedError):
        list(DecodeTalk("s", None).chunks(pb.StreamDecodeResponse(audio=pb.PcmChunk())))
