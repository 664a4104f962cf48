"""Files of segments: which blocks belong to which, and what is left where records are lost."""

import struct
from collections.abc import Collection

import numpy as np
import pytest

from codec.container import CdcHeader, CdcReader, FrameRange, SegmentRange, read_cdc
from codec.container.block import PackedBlock
from codec.container.index import Index
from codec.entropy import fit_tables
from codec.errors import ContainerError
from tests.codec.container.samples import (
    IDENTITY,
    make_file,
    make_segmented,
    make_segmented_file,
    random_codes,
    skewed_codes,
    small_coder,
)

PLAIN = make_file(random_codes(4, 50), 10, n_samples=15_000)
TOKENS = make_segmented()
SEGMENTED = make_segmented_file(TOKENS, 4)
SEGMENT_OF = np.repeat(np.arange(6), (11, 11, 11, 11, 11, 2))


def blocks_of(data: bytes) -> list[PackedBlock]:
    return list(CdcReader(data).packed_blocks())


def place_of_record(number: int) -> int:
    record = [block for block in blocks_of(SEGMENTED) if block.coding == 2][number]
    return SEGMENTED.index(record.pack())


def damaged(place: int) -> bytes:
    changed = bytearray(SEGMENTED)
    changed[place] ^= 0x55
    return bytes(changed)


def check_segments_of(reader: CdcReader, lost: Collection[int] = ()) -> list[int]:
    """First frames of the blocks; their codes and segments must be those of `TOKENS`."""
    starts = []
    for block in reader:
        stop = block.first_frame + block.codes.shape[1]
        np.testing.assert_array_equal(block.codes, TOKENS.codes[:, block.first_frame : stop])
        segment, number = block.segment, SEGMENT_OF[block.first_frame]
        assert segment is not None
        assert (segment.number, segment.lost) == (number, number in lost)
        if not segment.lost:
            assert (segment.scale, segment.first_frame) == (TOKENS.side.scale[number], 11 * number)
            assert TOKENS.side.labels is not None
            there = TOKENS.side.format.labels_in(number, 15_000)
            np.testing.assert_array_equal(segment.labels, TOKENS.side.labels[there])
        starts.append(block.first_frame)
    return starts


ALL_STARTS = [11 * number + offset for number in range(5) for offset in (0, 4, 8)] + [55]


def test_blocks_come_with_their_segment() -> None:
    for tolerant in (False, True):
        reader = CdcReader(SEGMENTED, tolerant=tolerant)
        assert reader.segment is None
        assert check_segments_of(reader) == ALL_STARTS
        assert reader.report.intact


def test_files_without_records_have_blocks_without_segment() -> None:
    assert [block.segment for block in CdcReader(PLAIN)] == [None] * 5


@pytest.mark.parametrize("number", range(6))
@pytest.mark.parametrize("offset", [0, 2, 4, 10, 17, 18, 25, 33])
def test_a_damaged_record_is_named_and_its_blocks_say_so(number: int, offset: int) -> None:
    data = damaged(place_of_record(number) + offset)
    with pytest.raises(ContainerError):
        read_cdc(data)
    reader = CdcReader(data, tolerant=True)
    assert check_segments_of(reader, lost=[number]) == ALL_STARTS
    report = reader.report
    assert (report.lost, report.lost_segments) == ((), (SegmentRange(number, number + 1),))
    assert not report.intact


@pytest.mark.parametrize("number", range(6))
def test_a_record_that_was_cut_out_is_missed(number: int) -> None:
    place = place_of_record(number)
    data = SEGMENTED[:place] + SEGMENTED[place + len(blocks_of(SEGMENTED)[4 * number].pack()) :]
    with pytest.raises(ContainerError, match=f"no record of segment {number}"):
        list(CdcReader(data))
    for bytes_there in (data, data[:-40]):
        reader = CdcReader(bytes_there, tolerant=True)
        assert check_segments_of(reader, lost=[number]) == ALL_STARTS
        assert reader.report.lost_segments == (SegmentRange(number, number + 1),)


@pytest.mark.parametrize(("first", "stop"), [(0, 1), (1, 4), (2, 6), (5, 6), (0, 6)])
def test_whole_segments_that_are_lost_are_named(first: int, stop: int) -> None:
    ends = [*map(place_of_record, range(6)), SEGMENTED.rindex(b"\xcdI")]
    reader = CdcReader(SEGMENTED[: ends[first]] + SEGMENTED[ends[stop] :], tolerant=True)
    assert check_segments_of(reader) == [
        start for start in ALL_STARTS if not first <= SEGMENT_OF[start] < stop
    ]
    assert reader.report.lost_segments == (SegmentRange(first, stop),)
    assert reader.report.lost == (FrameRange(11 * first, min(57, 11 * stop)),)


@pytest.mark.parametrize("frame", range(57))
def test_seek_knows_the_segment(frame: int) -> None:
    number = int(SEGMENT_OF[frame])
    block = max(start for start in ALL_STARTS if start <= frame)
    for data in (SEGMENTED, SEGMENTED[:-60]):
        reader = CdcReader(data, tolerant=True)
        reader.seek(frame)
        assert check_segments_of(reader) == ALL_STARTS[ALL_STARTS.index(block) :]
        reader.seek_segment(frame)
        assert check_segments_of(reader) == ALL_STARTS[3 * number :]


def test_seek_past_a_lost_record_says_so() -> None:
    data = damaged(place_of_record(2) + 20)
    with pytest.raises(ContainerError, match="checksum"):
        CdcReader(data).seek(30)
    reader = CdcReader(data, tolerant=True)
    reader.seek(30)
    assert check_segments_of(reader, lost=[2]) == ALL_STARTS[8:]
    assert reader.report.lost_segments == (SegmentRange(2, 3),)
    reader.seek_segment(30)
    assert check_segments_of(reader, lost=[2]) == ALL_STARTS[6:]


def test_a_file_without_records_is_one_segment() -> None:
    reader = CdcReader(PLAIN)
    reader.seek_segment(35)
    assert [block.first_frame for block in reader] == [0, 10, 20, 30, 40]


def test_records_that_are_repeated_are_refused_or_left_out() -> None:
    place = place_of_record(1)
    record = blocks_of(SEGMENTED)[4].pack()
    data = SEGMENTED[:place] + record + SEGMENTED[place:]
    with pytest.raises(ContainerError, match="segment 1 stands where segment 2"):
        read_cdc(data)
    reader = CdcReader(data, tolerant=True)
    assert check_segments_of(reader) == ALL_STARTS
    assert not reader.report.intact


def test_entropy_coded_files_need_the_coder_that_made_them() -> None:
    data = make_segmented_file(TOKENS, 11, small_coder())
    other = fit_tables([skewed_codes(4, 600, seed=9)], 16).coder()
    for coder in (None, other):
        with pytest.raises(
            ContainerError, match="stream_16k 1-0123456789ab; read the file with that version"
        ):
            list(CdcReader(data, coder=coder))
        reader = CdcReader(data, tolerant=True, coder=coder)
        assert sum(block.n_frames for block in reader.packed_blocks()) == 57
        reader.seek(30)
    reader = CdcReader(data, coder=small_coder())
    assert check_segments_of(reader) == [0, 11, 22, 33, 44, 55]


def test_rows_that_no_coder_writes_are_refused() -> None:
    form = TOKENS.format
    header = CdcHeader(IDENTITY, form, 2, tables_id=small_coder().tables_id)
    for payload in (bytes(4), struct.pack("<2H", 1, 1) + b"ab", struct.pack("<2H", 9, 9)):
        data = header.pack() + PackedBlock(0, 40, 2, payload, coding=1).pack()
        for tolerant in (False, True):
            with pytest.raises(ContainerError):
                list(CdcReader(data, tolerant, small_coder()))


def test_records_that_only_the_index_knows_are_no_segments() -> None:
    blocks = b"".join(block.pack() for block in blocks_of(PLAIN))
    start = PLAIN[: PLAIN.index(blocks)]
    entries = struct.pack("<2H", 0, 0) + struct.pack("<2H", 10, 52) * 5
    reader = CdcReader(start + blocks + Index(entries, 15_000).pack(), tolerant=True)
    assert [block.first_frame for block in reader] == [0, 10, 20, 30, 40]
    assert reader.report.lost_segments == ()
    reader.seek(0)
    assert reader.segment is None
