"""Messages of codec.v1 and what they mean inside."""

from dataclasses import replace

import numpy as np
import pytest

from codec.tokens import NO_SIDE, Segmentation, SideInformation
from proto.codec.v1 import codec_pb2 as pb
from service.frontend import messages
from service.frontend.live_events import GoAway
from service.frontend.rate import Rate
from service.frontend.selector import ModelSelector
from service.model_info import ModelInfo
from service.samples import SampleForm
from service.status import Condition, ServiceError

_ITEMS = ModelInfo(
    "m", "1-a", "s", 1000, 1, 10, 0, 4, 16, streamable=False, slots=0, scaled=True, labels=50,
    label_hop_samples=5, segment_length_samples=40, segment_stride_samples=35, whole_samples=100,
)  # fmt: skip
_INFO = ModelInfo("m", "1-a", "s", 16_000, 1, 320, 352, 32, 1024, True, 4, "words")


def test_a_rate_that_is_zero_is_told_from_one_that_is_absent() -> None:
    assert messages.rate_of(pb.EncodeRequest()) == Rate()
    assert messages.rate_of(pb.EncodeRequest(rate=pb.Rate())) == Rate()
    assert messages.rate_of(pb.EncodeRequest(rate=pb.Rate(n_q=0))) == Rate(n_q=0)
    assert messages.rate_of(pb.AudioChunk(rate=pb.Rate(bitrate_bps=500))) == Rate(bitrate_bps=500)


def test_pcm_formats_are_known_or_refused() -> None:
    assert messages.form_of(pb.PCM_FORMAT_UNSPECIFIED) is SampleForm.S16
    for form in SampleForm:
        assert messages.form_of(messages.pcm_format_value(form)) is form
    with pytest.raises(ServiceError) as caught:
        messages.form_of(99)
    assert caught.value.condition is Condition.INVALID_ARGUMENT


def test_a_model_is_described_in_full() -> None:
    told = messages.model_info(_INFO)
    assert (told.identity.model, told.identity.version, told.identity.token_space) == ("m", "1-a", "s")
    assert (told.hop_samples, told.delay_samples, told.max_n_q, told.codebook_size) == (320, 352, 32, 1024)
    assert (told.causal, told.description) == (True, "words")
    opened = messages.opened(_INFO, 5, 9)
    assert (opened.n_q, opened.identity, opened.prime_frames) == (5, told.identity, 9)
    assert not messages.opened(_INFO, 5, None).HasField("prime_frames")
    away = messages.go_away(GoAway("why", 1.5), 9)
    assert (away.reason, away.deadline_ms, away.prime_frames) == ("why", 1500, 9)


def test_a_model_that_needs_the_whole_item_is_described_in_full() -> None:
    told = messages.model_info(_ITEMS)
    assert (told.streamable, told.causal, told.HasField("latency_ms")) == (False, False, False)
    assert (told.scaled, told.labels, told.label_hop_samples, told.whole_samples) == (True, 50, 5, 100)
    assert (told.segmentation.length_samples, told.segmentation.stride_samples) == (40, 35)
    streaming = messages.model_info(replace(_INFO, latency_ms=42.0))
    assert (streaming.streamable, streaming.latency_ms, streaming.scaled) == (True, 42.0, False)
    assert not streaming.HasField("segmentation")


def test_labels_are_whole_or_refused() -> None:
    assert messages.labels_of(b"") is None
    labels = messages.labels_of(b"\x01\x00\x2c\x01")
    assert labels is not None
    assert labels.tolist() == [1, 300]
    with pytest.raises(ServiceError) as caught:
        messages.labels_of(b"\x01")
    assert caught.value.condition is Condition.INVALID_ARGUMENT


def test_side_information_goes_out_and_comes_back() -> None:
    labels = np.array([1, 49], np.uint16)
    side = SideInformation((0.5, 2.0), labels, _ITEMS.label_format, Segmentation(40, 35))
    tokens = messages.tokens(2, memoryview(b"abcd"), side)
    assert (tokens.n_q, tokens.codes) == (2, b"abcd")
    back = messages.side_of(tokens, _ITEMS)
    assert (back.scale, back.format) == (side.scale, side.format)
    assert back.labels is not None
    assert np.array_equal(back.labels, labels)
    assert messages.side_of(messages.tokens(2, b"abcd", NO_SIDE), _INFO) is NO_SIDE
    with pytest.raises(ServiceError, match="hears none"):
        messages.side_of(tokens, _INFO)


def test_a_reference_may_name_a_channel_or_a_version() -> None:
    assert messages.selector_of(pb.ModelRef(model="m@canary")) == ModelSelector("m", channel="canary")
    assert messages.selector_of(pb.ModelRef(model="m", version="1-a")) == ModelSelector("m", version="1-a")
    with pytest.raises(ServiceError):
        messages.selector_of(pb.ModelRef(model="m@"))


def test_priorities_are_known_or_refused() -> None:
    assert [messages.is_bulk(number) for number in (0, 1, 2)] == [False, False, True]
    with pytest.raises(ServiceError, match="priority 3 is unknown"):
        messages.is_bulk(3)
