from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec.errors import InvalidTokensError
from codec.side import (
    NO_SIDE,
    LabelFormat,
    Segmentation,
    SideFormat,
    SideInformation,
    as_labels,
    check_range,
    check_scale,
)

PHONEMES = LabelFormat(86, 160)


def labels(count: int) -> Any:
    return (np.arange(count) % 86).astype(np.uint16)


@given(
    st.integers(1, 400), st.integers(1, 400), st.integers(1, 5000), st.integers(0, 900), st.integers(1, 50)
)
def test_the_sum_of_the_frames_tells_those_of_each_segment(
    stride: int, overlap: int, n_samples: int, extra: int, hop: int
) -> None:
    segmentation = Segmentation(stride + overlap, stride)
    starts = range(0, n_samples, stride)
    lengths = [min(stride + overlap, n_samples - start) for start in starts]
    assert [segmentation.length_of(k, n_samples) for k in range(segmentation.count(n_samples))] == lengths
    frames = tuple(-(-(length + extra) // hop) for length in lengths)
    assert segmentation.frames(n_samples, sum(frames), hop) == frames


def test_frames_of_no_codec_are_refused() -> None:
    segmentation = Segmentation(3200, 3200)
    for n_samples, n_frames in ((6400, 19), (6400, 21), (6400, 1), (6400, 0), (0, 1), (2**62, 20)):
        with pytest.raises(InvalidTokensError, match="cannot be those"):
            segmentation.frames(n_samples, n_frames, 320)
    assert segmentation.frames(6400, 20, 320) == (10, 10)
    assert segmentation.frames(0, 0, 320) == ()


@pytest.mark.parametrize(("length", "stride"), [(0, 0), (10, 0), (10, 11), (2**32, 1), (-1, -1)])
def test_impossible_segments_are_refused(length: int, stride: int) -> None:
    with pytest.raises(InvalidTokensError, match="segment"):
        Segmentation(length, stride)


@pytest.mark.parametrize(("kinds", "bits"), [(2, 1), (86, 7), (128, 7), (129, 8), (65_536, 16)])
def test_label_rates_are_exact(kinds: int, bits: int) -> None:
    form = LabelFormat(kinds, 512)
    assert form.bits_per_label == bits
    assert form.rate_hz(44_100) == Fraction(11_025, 128)
    assert form.bitrate_bps(44_100) == Fraction(11_025 * bits, 128)
    assert [form.count(n) for n in (0, 1, 512, 513)] == [0, 1, 1, 2]


@pytest.mark.parametrize(("kinds", "hop"), [(1, 160), (65_537, 160), (2, 0), (2, 65_536)])
def test_impossible_labels_are_refused(kinds: int, hop: int) -> None:
    with pytest.raises(InvalidTokensError, match="label"):
        LabelFormat(kinds, hop)


def test_labels_of_segments_overlap_as_their_samples_do() -> None:
    side = SideFormat(labels=PHONEMES, segmentation=Segmentation(640, 480))
    assert side.count(1000) == 3
    assert [side.labels_in(k, 1000) for k in range(3)] == [slice(0, 4), slice(3, 7), slice(6, 7)]
    whole = SideFormat(labels=PHONEMES)
    assert (whole.count(1000), whole.labels_in(0, 1000)) == (1, slice(7))
    assert SideFormat(scaled=True).labels_in(0, 1000) == slice(0)


def test_segments_start_where_labels_do() -> None:
    with pytest.raises(InvalidTokensError, match="start within a label"):
        SideFormat(labels=PHONEMES, segmentation=Segmentation(640, 400))


def test_only_files_with_side_information_have_records() -> None:
    assert not SideFormat().recorded
    for side in (SideFormat(True), SideFormat(labels=PHONEMES), SideFormat(segmentation=Segmentation(2, 1))):
        assert side.recorded


def test_labels_and_their_format_come_together() -> None:
    for values, form in ((labels(3), None), (None, PHONEMES)):
        with pytest.raises(InvalidTokensError, match="beside them"):
            SideInformation(labels=values, label_format=form)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros(3, np.int64), "give uint16"),
        (np.zeros((1, 3), np.uint16), r"give uint16 \[label\]"),
        (np.array([85, 86], np.uint16), "a label 86; they go to 85"),
    ],
)
def test_labels_that_no_model_has_are_refused(values: Any, message: str) -> None:
    with pytest.raises(InvalidTokensError, match=message):
        as_labels(values, PHONEMES)


def test_labels_cannot_be_changed_afterwards() -> None:
    made = SideInformation(labels=labels(3), label_format=PHONEMES)
    assert made.labels is not None
    with pytest.raises(ValueError, match="read-only"):
        made.labels[0] = 1


@pytest.mark.parametrize("scale", [float("nan"), float("inf"), 0.0, -1.0, 1e-60, 1e60])
def test_a_scale_that_float32_cannot_hold_is_refused(scale: float) -> None:
    with pytest.raises(InvalidTokensError, match="positive float32"):
        SideInformation(scale=(1.0, scale))
    check_scale((2e-45, 3.4e38))


def test_the_format_of_side_information() -> None:
    cut = Segmentation(640, 480)
    assert NO_SIDE.format == SideFormat()
    assert SideInformation((1.0,), labels(2), PHONEMES, cut).format == SideFormat(True, PHONEMES, cut)


@pytest.mark.parametrize(
    ("side", "message"),
    [
        (SideInformation(scale=(1.0, 1.0)), "2 scales for 1 segments"),
        (SideInformation(labels=labels(6), label_format=PHONEMES), "there must be 7"),
        (SideInformation(scale=(1.0,), segmentation=Segmentation(640, 480)), "1 scales for 3 segments"),
        (SideInformation(segmentation=Segmentation(640, 640)), "cannot be those of 2 segments"),
    ],
)
def test_side_information_of_another_item_is_refused(side: SideInformation, message: str) -> None:
    with pytest.raises(InvalidTokensError, match=message):
        side.check_fits(1000, 3, 320)


def test_labels_and_segments_need_the_length() -> None:
    for side in (
        SideInformation(labels=labels(7), label_format=PHONEMES),
        SideInformation(segmentation=Segmentation(640, 480)),
    ):
        with pytest.raises(InvalidTokensError, match="need the number of samples"):
            side.check_fits(None, 5, 320)
    SideInformation(scale=(1.0,)).check_fits(None, 5, 320)


def test_ranges_are_told() -> None:
    check_range("size", 3, 1, 3)
    with pytest.raises(InvalidTokensError, match=r"size of 4 is outside 1\.\.3"):
        check_range("size", 4, 1, 3)
