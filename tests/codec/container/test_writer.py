import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codec.container import CdcHeader, CdcReader, CdcWriter, read_cdc
from codec.container import writer as writer_module
from codec.container.writer import longest_block
from codec.errors import ContainerError, InvalidRequestError, InvalidTokensError, LimitExceededError
from codec.tokens import Labels, SideFormat, TokenFormat
from tests.codec.container.samples import (
    FORMAT,
    FULL_SIDE,
    IDENTITY,
    LABELS,
    SMALL,
    make_file,
    make_segmented,
    make_segmented_file,
    random_codes,
    skewed_codes,
    small_coder,
)


def header(codebooks: int = 8, n_samples: int | None = None) -> CdcHeader:
    return CdcHeader(IDENTITY, FORMAT, codebooks, n_samples)


@given(st.lists(st.integers(0, 90), max_size=12), st.integers(1, 60))
@settings(deadline=None)
def test_how_frames_arrive_does_not_show(sizes: list[int], block_frames: int) -> None:
    codes = random_codes(4, sum(sizes))
    sink = io.BytesIO()
    writer = CdcWriter(sink, header(4), block_frames)
    for piece in np.split(codes, np.cumsum(sizes)[:-1], axis=1) if sizes else []:
        writer.append(piece)
        assert writer.n_frames <= codes.shape[1]
    writer.finish()
    assert sink.getvalue() == make_file(codes, block_frames)


def test_the_caller_may_use_its_array_again() -> None:
    sink = io.BytesIO()
    writer = CdcWriter(sink, header(1))
    buffer = np.array([[1, 2, 3]], np.uint16)
    writer.append(buffer)
    buffer[:] = 9
    writer.finish()
    assert read_cdc(sink.getvalue()).codes.tolist() == [[1, 2, 3]]


def test_flushed_frames_can_be_read_while_the_file_is_written() -> None:
    sink = io.BytesIO()
    writer = CdcWriter(sink, header())
    codes = random_codes(8, 30)
    for end in (10, 20, 30):
        writer.append(codes[:, end - 10 : end])
        writer.flush()
        reader = CdcReader(sink.getvalue(), tolerant=True)
        seen = np.concatenate([block.codes for block in reader], axis=1)
        np.testing.assert_array_equal(seen, codes[:, :end])
        assert not reader.report.finished
    writer.finish(9000)
    np.testing.assert_array_equal(read_cdc(sink.getvalue()).codes, codes)


def test_n_q_may_change_inside_a_file() -> None:
    sink = io.BytesIO()
    writer = CdcWriter(sink, header())
    pieces = [random_codes(n_q, 5, seed=n_q) for n_q in (8, 2, 4)]
    for piece in pieces:
        writer.append(piece)
    writer.finish()
    for block, piece in zip(CdcReader(sink.getvalue()), pieces, strict=True):
        np.testing.assert_array_equal(block.codes, piece)
    whole = read_cdc(sink.getvalue())
    np.testing.assert_array_equal(whole.codes, np.concatenate([piece[:2] for piece in pieces], axis=1))


def test_the_sample_count_may_come_at_the_end() -> None:
    codes = random_codes(8, 10)
    assert read_cdc(make_file(codes, 4, n_samples=3001)).n_samples == 3001
    assert read_cdc(make_file(codes, 4)).n_samples is None


@pytest.mark.parametrize(("announced", "given"), [(None, 3201), (None, -1), (3000, 3001), (3201, None)])
def test_sample_counts_that_do_not_fit_are_refused(announced: int | None, given: int | None) -> None:
    sink = io.BytesIO()
    writer = CdcWriter(sink, header(n_samples=announced))
    writer.append(random_codes(8, 10))
    with pytest.raises(InvalidTokensError, match="do not agree"):
        writer.finish(given)
    with pytest.raises(ContainerError, match="without its end"):
        read_cdc(sink.getvalue())


def test_codes_that_do_not_fit_the_header_are_refused() -> None:
    writer = CdcWriter(io.BytesIO(), header(2))
    with pytest.raises(InvalidTokensError, match="opened for 2"):
        writer.append(random_codes(3, 1))
    with pytest.raises(InvalidTokensError, match="codes span"):
        writer.append(np.full((2, 1), 1024, np.uint16))
    assert writer.n_frames == 0


@pytest.mark.parametrize("block_frames", [0, -1, 70_000])
def test_impossible_block_lengths_are_refused(block_frames: int) -> None:
    with pytest.raises(InvalidRequestError, match="do not fit"):
        CdcWriter(io.BytesIO(), header(), block_frames)


@pytest.mark.parametrize(("codebooks", "size"), [(1, 2), (255, 65_536), (32, 1024), (7, 5)])
def test_the_longest_block_fits(codebooks: int, size: int) -> None:
    form = TokenFormat(10**6, 1, size)
    wide = CdcHeader(IDENTITY, form, codebooks)
    codes = random_codes(codebooks, longest_block(wide) + 1, codebook_size=size)
    sink = io.BytesIO()
    writer = CdcWriter(sink, wide)
    writer.append(codes)
    writer.finish()
    blocks = list(CdcReader(sink.getvalue()))
    assert [block.codes.shape[1] for block in blocks] == [longest_block(wide), 1]
    np.testing.assert_array_equal(read_cdc(sink.getvalue()).codes, codes)


def test_a_full_file_is_refused_and_stays_readable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "MAX_BLOCKS", 3)
    sink = io.BytesIO()
    writer = CdcWriter(sink, header(), block_frames=2)
    with pytest.raises(LimitExceededError, match="start another"):
        writer.append(random_codes(8, 8))
    assert len(list(CdcReader(sink.getvalue(), tolerant=True))) == 3


def segmented_writer(sink: io.BytesIO, side: SideFormat = FULL_SIDE) -> CdcWriter:
    return CdcWriter(sink, CdcHeader(IDENTITY, FORMAT, 8, side=side))


def zero_labels(count: int) -> Labels:
    return np.zeros(count, np.uint16)


def test_blocks_end_where_segments_do() -> None:
    tokens = make_segmented()
    blocks = list(CdcReader(make_segmented_file(tokens, 4)))
    assert [(block.first_frame, block.codes.shape[1]) for block in blocks[:4]] == [
        *((0, 4), (4, 4), (8, 3), (11, 4)),
    ]
    assert [block.segment and block.segment.number for block in blocks[:4]] == [0, 0, 0, 1]


def test_a_segment_is_seen_when_it_begins() -> None:
    sink = io.BytesIO()
    writer = segmented_writer(sink)
    for number, scale in enumerate((0.5, 0.25)):
        writer.begin_segment(scale, zero_labels(20))
        writer.append(random_codes(8, 10))
        writer.flush()
        block = list(CdcReader(sink.getvalue(), tolerant=True))[-1]
        assert block.segment is not None
        assert (block.segment.number, block.segment.scale, block.segment.lost) == (number, scale, False)


def test_blocks_are_long_where_a_lost_one_spoils_the_segment_anyway() -> None:
    for side, frames in ((SideFormat(), [300, 200]), (SideFormat(True), [500])):
        sink = io.BytesIO()
        writer = segmented_writer(sink, side)
        if side.recorded:
            writer.begin_segment(1.0)
        writer.append(random_codes(8, 500))
        writer.finish()
        assert [block.codes.shape[1] for block in CdcReader(sink.getvalue())] == frames


@pytest.mark.parametrize(
    ("side", "scale", "count", "message"),
    [
        (SideFormat(), None, None, "no such segment"),
        (SideFormat(), 1.0, None, "no such segment"),
        (SideFormat(True), None, None, "only then"),
        (SideFormat(True), 1.0, 3, "only then"),
        (SideFormat(labels=LABELS), 1.0, 3, "only then"),
        (SideFormat(labels=LABELS), None, None, "only then"),
        (SideFormat(True), -1.0, None, "positive float32"),
    ],
)
def test_side_information_that_the_header_denies_is_refused(
    side: SideFormat, scale: float | None, count: int | None, message: str
) -> None:
    writer = segmented_writer(io.BytesIO(), side)
    with pytest.raises(InvalidTokensError, match=message):
        writer.begin_segment(scale, None if count is None else zero_labels(count))


def test_labels_are_checked() -> None:
    writer = segmented_writer(io.BytesIO(), SideFormat(labels=LABELS))
    with pytest.raises(InvalidTokensError, match="a label 86"):
        writer.begin_segment(labels=np.array([86], np.uint16))


def test_a_whole_item_has_one_segment_and_no_frames_before_it() -> None:
    writer = segmented_writer(io.BytesIO(), SideFormat(True))
    with pytest.raises(InvalidTokensError, match="begin_segment first"):
        writer.append(random_codes(8, 1))
    writer.begin_segment(1.0)
    with pytest.raises(InvalidTokensError, match="no such segment"):
        writer.begin_segment(1.0)


@pytest.mark.parametrize(
    ("segments", "n_samples", "message"),
    [
        ([(13, 20)], 3600, "1 segments where 2"),
        ([(10, 20), (3, 5)], None, "need the number of samples"),
        ([(10, 20), (3, 5)], 3000, "not those of their samples|cannot be those"),
        ([(10, 20), (3, 4)], 3600, "segment 1 has 4 labels"),
    ],
)
def test_segments_that_do_not_fit_the_samples_leave_the_file_unfinished(
    segments: list[tuple[int, int]], n_samples: int | None, message: str
) -> None:
    sink = io.BytesIO()
    writer = segmented_writer(sink)
    for n_frames, count in segments:
        writer.begin_segment(1.0, zero_labels(count))
        writer.append(random_codes(8, n_frames))
    with pytest.raises(InvalidTokensError, match=message):
        writer.finish(n_samples)
    with pytest.raises(ContainerError, match="without its end"):
        list(CdcReader(sink.getvalue()))


def test_the_coder_is_told_in_the_header_and_used_where_it_helps() -> None:
    sink = io.BytesIO()
    coder = small_coder()
    writer = CdcWriter(sink, CdcHeader(IDENTITY, SMALL, 4), 50, coder)
    pieces = [skewed_codes(4, 50), random_codes(4, 50, codebook_size=16), skewed_codes(2, 7)]
    for piece in pieces:
        writer.append(piece)
    writer.finish()
    reader = CdcReader(sink.getvalue(), coder=coder)
    assert reader.header.tables_id == coder.tables_id
    for block, piece in zip(reader, pieces, strict=True):
        np.testing.assert_array_equal(block.codes, piece)
    assert [block.coding for block in CdcReader(sink.getvalue()).packed_blocks()][:2] == [1, 0]
