"""Messages of codec.v1 and what they mean inside."""

import pytest

from proto.codec.v1 import codec_pb2 as pb
from service.frontend import messages
from service.frontend.rate import Rate
from service.model_info import ModelInfo
from service.status import Condition, ServiceError

_INFO = ModelInfo("m", "1-a", "s", 16_000, 1, 320, 352, 32, 1024, True, 4, "words")


def test_a_rate_that_is_zero_is_told_from_one_that_is_absent() -> None:
    assert messages.rate_of(pb.EncodeRequest()) == Rate()
    assert messages.rate_of(pb.EncodeRequest(rate=pb.Rate())) == Rate()
    assert messages.rate_of(pb.EncodeRequest(rate=pb.Rate(n_q=0))) == Rate(n_q=0)
    assert messages.rate_of(pb.AudioChunk(rate=pb.Rate(bitrate_bps=500))) == Rate(bitrate_bps=500)


def test_pcm_formats_are_known_or_refused() -> None:
    assert messages.pcm_format_of(pb.PCM_FORMAT_UNSPECIFIED) == "pcm_s16le"
    for name in ("pcm_s16le", "pcm_f32le"):
        assert messages.pcm_format_of(messages.pcm_format_value(name)) == name
    with pytest.raises(ServiceError) as caught:
        messages.pcm_format_of(99)
    assert caught.value.condition is Condition.INVALID_ARGUMENT


def test_a_model_is_described_in_full() -> None:
    told = messages.model_info(_INFO)
    assert (told.identity.model, told.identity.version, told.identity.token_space) == ("m", "1-a", "s")
    assert (told.hop_samples, told.delay_samples, told.max_n_q, told.codebook_size) == (320, 352, 32, 1024)
    assert (told.causal, told.description) == (True, "words")
    opened = messages.opened(_INFO, 5)
    assert (opened.n_q, opened.identity) == (5, told.identity)
