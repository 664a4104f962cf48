from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codec.container import CdcReader, read_cdc, write_cdc
from codec.container.index import Index
from codec.errors import ContainerError, LimitExceededError
from codec.tokens import LabelFormat, Segmentation, SideFormat, SideInformation, Tokens
from tests.codec.container.samples import (
    IDENTITY,
    LABELS,
    make_file,
    make_segmented,
    make_segmented_file,
    make_side,
    make_tokens,
    random_codes,
    skewed_codes,
    small_coder,
)


def assert_same(found: Tokens, wanted: Tokens) -> None:
    np.testing.assert_array_equal(found.codes, wanted.codes)
    assert (found.identity, found.format, found.n_samples) == (
        wanted.identity,
        wanted.format,
        wanted.n_samples,
    )
    assert (found.side.scale, found.side.format) == (wanted.side.scale, wanted.side.format)
    np.testing.assert_array_equal(found.side.labels, wanted.side.labels)


@given(
    st.integers(1, 32), st.integers(0, 700), st.sampled_from([2, 3, 100, 1024, 1025, 65_536]), st.booleans()
)
@settings(deadline=None, max_examples=60)
def test_what_is_written_is_read(n_q: int, n_frames: int, codebook_size: int, whole: bool) -> None:
    codes = random_codes(n_q, n_frames, codebook_size=codebook_size)
    n_samples = n_frames * 320 // 2
    side = make_side(n_samples, SideFormat(whole, LABELS if whole else None))
    tokens = Tokens(codes, IDENTITY, 16_000, 320, n_samples, codebook_size, side)
    assert_same(read_cdc(write_cdc(tokens)), tokens)


@given(st.integers(0, 30_000), st.integers(0, 900), st.booleans())
@settings(deadline=None, max_examples=60)
def test_segments_are_written_and_read(n_samples: int, extra_samples: int, coded: bool) -> None:
    tokens = make_segmented(n_samples, extra_samples)
    coder = small_coder() if coded else None
    assert_same(read_cdc(write_cdc(tokens, coder), coder=coder), tokens)


@given(st.sampled_from([2, 86, 65_536]), st.sampled_from([1, 80, 160]), st.integers(1, 4000))
@settings(deadline=None, max_examples=40)
def test_labels_of_any_kind_come_back(kinds: int, hop: int, n_samples: int) -> None:
    for cut in (None, Segmentation(1000, 1000), Segmentation(1003, 480)):
        if cut and cut.stride_samples % hop:
            continue
        side = make_side(n_samples, SideFormat(True, LabelFormat(kinds, hop), cut))
        lengths = [cut.length_of(k, n_samples) for k in range(cut.count(n_samples))] if cut else [n_samples]
        codes = skewed_codes(1, sum(-(-length // 320) for length in lengths))
        tokens = Tokens(codes, IDENTITY, 16_000, 320, n_samples, 16, side)
        assert_same(read_cdc(write_cdc(tokens)), tokens)


def test_a_scale_is_kept_as_float32_also_where_nobody_knows_the_length() -> None:
    tokens = replace(make_tokens(n_samples=None), side=SideInformation(scale=(0.1,)))
    assert read_cdc(write_cdc(tokens)).side.scale == (float(np.float32(0.1)),)


def test_ten_seconds_take_at_most_three_percent_more_than_the_codes() -> None:
    for n_q, bound in ((8, 0.03), (16, 0.015), (32, 0.01), (1, 0.23)):
        for side in (SideFormat(), SideFormat(scaled=True)):
            tokens = replace(make_tokens(n_q), side=make_side(160_000, side))
            code_bits = n_q * 10 * tokens.n_frames
            assert 8 * len(write_cdc(tokens)) <= code_bits * (1 + bound)


def test_codes_of_ten_seconds_may_be_far_from_the_front_of_memory() -> None:
    tokens = make_tokens(8)
    turned = replace(tokens, codes=np.asfortranarray(tokens.codes))
    assert write_cdc(turned) == write_cdc(tokens)


def test_entropy_coding_saves_bits_and_nothing_else() -> None:
    tokens = Tokens(skewed_codes(4, 500), IDENTITY, 16_000, 320, 160_000, 16)
    coded = write_cdc(tokens, small_coder())
    assert len(coded) < 0.6 * len(write_cdc(tokens))
    assert_same(read_cdc(coded, coder=small_coder()), tokens)


def test_frames_are_counted_against_the_limit_before_they_are_decoded() -> None:
    data = make_file(random_codes(4, 50), 10)
    assert read_cdc(data, max_frames=50).n_frames == 50
    coded = write_cdc(make_segmented(), small_coder())
    for source in (data, coded):
        with pytest.raises(LimitExceededError, match="more than 9 frames"):
            read_cdc(source, max_frames=9)


def test_segments_that_overlap_must_agree_in_their_labels() -> None:
    tokens = make_segmented()
    assert tokens.side.labels is not None
    data = make_segmented_file(tokens, 50)
    changed = tokens.side.labels.copy()
    changed[18:20] ^= 1
    # The record of segment 0 with other labels at its end, where segment 1 begins.
    other = make_segmented_file(replace(tokens, side=replace(tokens.side, labels=changed)), 50)
    records = [block for block in CdcReader(data).packed_blocks() if block.coding == 2]
    others = [block for block in CdcReader(other).packed_blocks() if block.coding == 2]
    mixed = data.replace(records[0].pack(), others[0].pack())
    assert mixed != data
    with pytest.raises(ContainerError, match="overlap differ"):
        read_cdc(mixed)


@pytest.mark.parametrize("n_samples", [None, 12_000, 15_200])
def test_a_file_whose_segments_do_not_fit_its_samples_is_refused(n_samples: int | None) -> None:
    data = make_segmented_file(make_segmented(), 50)
    entries = b"".join(block.index_entry() for block in CdcReader(data).packed_blocks())
    end = Index(entries, 15_000).pack()
    assert data.endswith(end)
    with pytest.raises(ContainerError, match="makes no sense"):
        read_cdc(data.removesuffix(end) + Index(entries, n_samples).pack())
