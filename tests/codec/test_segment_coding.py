"""Recordings through codecs that need whole items: piece by piece as at once."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from codec.audio import Samples
from codec.errors import InvalidAudioError, InvalidRequestError, InvalidTokensError
from codec.seanet_config import SegmentConfig
from codec.seanet_model import SeanetCodec
from codec.segment_coding import CodedSegment, SampleWindow, decode_segments, encode_segments
from tests.codec.seanets import small_codec
from tests.support import voiced

PLAN = SegmentConfig(length_samples=6400, stride_samples=5760, whole_samples=8000)

pytestmark = pytest.mark.usefixtures("single_thread")


def model(name: str) -> SeanetCodec:
    """A small codec that cuts what is longer than half a second, in float32."""
    codec = small_codec(name).float()
    small_codec.cache_clear()
    if codec.config.segments is None:
        codec.config = codec.config.model_copy(update={"segments": PLAN})
    return codec


def recording(codec: SeanetCodec, samples: int) -> Samples:
    one = voiced(2)[:samples]
    return np.stack([one * 0.5**channel for channel in range(codec.config.channels)])


def blocks_of(audio: Samples, size: int = 1000) -> Iterator[Samples]:
    return (audio[:, start : start + size] for start in range(0, audio.shape[1], size))


def words(codec: SeanetCodec, samples: int) -> np.ndarray[tuple[int], np.dtype[np.uint16]] | None:
    if codec.config.semantic is None:
        return None
    return (np.arange(codec.config.labels_for(samples)) * 7 % 86).astype(np.uint16)


@pytest.mark.parametrize("name", ["encodec_16k", "freqcodec_m6", "semantic_residual", "encodec_48k"])
@pytest.mark.parametrize("samples", [1, 8000, 8001, 12160, 20000])
def test_segments_are_those_of_the_model(name: str, samples: int) -> None:
    codec = model(name)
    audio, labels = recording(codec, samples), words(codec, samples)
    window = SampleWindow(blocks_of(audio), codec.config.channels)
    plan = codec.config.segmentation
    assert plan is not None
    cut = plan if window.fill(plan.whole_samples + 1) else None
    assert cut == codec.config.segments_for(samples)
    segments = list(encode_segments(codec, window, cut, 3, labels))
    assert [segment.n_samples for segment in segments] == list(codec.config.segment_lengths(samples))
    told = None if labels is None else torch.from_numpy(labels.astype(np.int64))[None]
    whole = codec.encode(torch.from_numpy(audio)[None], 3, labels=told)
    together = np.concatenate([segment.codes for segment in segments], axis=1)
    assert (together != whole.codes[0].numpy()).mean() <= 0.01
    if whole.scale is not None:
        assert [s.scale for s in segments] == pytest.approx(whole.scale[0].tolist(), rel=1e-5)
    heard = np.concatenate(list(decode_segments(codec, segments, cut)), axis=1)[:, :samples]
    assert heard.shape == audio.shape
    if np.array_equal(together, whole.codes[0].numpy()):
        np.testing.assert_allclose(heard, codec.decode(whole)[0].numpy(), rtol=0, atol=1e-4)


def test_a_window_reads_no_more_than_it_needs() -> None:
    read: list[int] = []

    def blocks() -> Iterator[Samples]:
        for number in range(10):
            read.append(number)
            yield np.full((1, 100), number, np.float32)

    window = SampleWindow(blocks(), 1)
    assert window.fill(250)
    assert read == [0, 1, 2]
    window.skip(120)
    assert window.samples.shape == (1, 180)
    assert window.samples[0, 0] == 1
    assert not window.fill(10**6)
    assert window.samples.shape == (1, 880)


def test_tokens_that_do_not_fit_are_refused() -> None:
    codec = model("encodec_16k")
    fine = np.zeros((2, 3), np.int64)
    for segment, complaint in (
        (CodedSegment(fine, 3 * 320 + 1, 1.0), "do not fit"),
        (CodedSegment(fine, 0, 1.0), "do not fit"),
        (CodedSegment(fine, 900), "lack the scale"),
        (CodedSegment(fine + 10**6, 900, 1.0), "valid: 0"),
    ):
        with pytest.raises(InvalidTokensError, match=complaint):
            list(decode_segments(codec, [segment], None))


def test_what_cannot_be_coded_is_refused() -> None:
    codec = model("encodec_16k")
    window = SampleWindow(iter([np.full((1, 900), np.nan, np.float32)]), 1)
    window.fill(900)
    with pytest.raises(InvalidAudioError, match="NaN"):
        list(encode_segments(codec, window, None, 1, None))
    with pytest.raises(InvalidRequestError, match="n_q is 99"):
        list(encode_segments(codec, window, None, 99, None))
