import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec.bits import pack_bits
from codec.container import CdcHeader, SegmentRecord
from codec.container.block import PackedBlock
from codec.container.layout import RECORD
from codec.container.segment import check_segments
from codec.errors import ContainerError, InvalidTokensError, LimitExceededError
from codec.tokens import SideFormat
from tests.codec.container.samples import FORMAT, FULL_SIDE, IDENTITY, LABELS, SEGMENTATION

WHOLE = SideFormat(scaled=True, labels=LABELS)


def labels(*values: int) -> Any:
    return np.array(values, np.uint16)


def record_block(payload: bytes, number: int = 0) -> PackedBlock:
    return PackedBlock(7, 0, 0, payload, RECORD, number)


def test_every_byte_lies_where_the_documentation_says() -> None:
    record = SegmentRecord(35, 7, 0.5, labels(1, 85))
    packed = struct.pack("<I", 2) + (1 | 85 << 7).to_bytes(2, "little")
    block = record_block(struct.pack("<If", 35, 0.5) + packed, number=3)
    assert record.pack(FULL_SIDE) == block
    whole = record_block(struct.pack("<f", 0.5) + packed)
    assert SegmentRecord(0, 7, 0.5, labels(1, 85)).pack(WHOLE) == whole
    assert SegmentRecord(0, 7, 0.5).pack(SideFormat(True)) == record_block(struct.pack("<f", 0.5))


SIDES = [
    SideFormat(scaled, labels, cut)
    for scaled in (False, True)
    for labels in (None, LABELS)
    for cut in (None, SEGMENTATION)
]


@given(
    st.sampled_from(SIDES),
    st.integers(0, 2**32 - 1),
    st.lists(st.integers(0, 85), max_size=30),
)
def test_parsing_is_the_inverse(side: SideFormat, number: int, values: list[int]) -> None:
    number = number if side.segmentation else 0
    record = SegmentRecord(number, 7, 0.25 if side.scaled else None, labels(*values) if side.labels else None)
    back = SegmentRecord.parse(record.pack(side), side)
    assert (back.number, back.first_frame, back.scale, back.lost) == (number, 7, record.scale, False)
    np.testing.assert_array_equal(back.labels, record.labels)


@pytest.mark.parametrize(
    ("payload", "side"),
    [
        (b"", SideFormat(True)),
        (struct.pack("<f", 0.5) + b"\0", SideFormat(True)),
        (struct.pack("<f", -0.5), SideFormat(True)),
        (struct.pack("<f", float("nan")), SideFormat(True)),
        (struct.pack("<I", 0)[:3], SideFormat(segmentation=SEGMENTATION)),
        (struct.pack("<I", 0)[:3], SideFormat(labels=LABELS)),
        (struct.pack("<I", 1), SideFormat(labels=LABELS)),
        (struct.pack("<I", 2**32 - 1) + bytes(9), SideFormat(labels=LABELS)),
        (struct.pack("<I", 1) + bytes(2), SideFormat(labels=LABELS)),
        (struct.pack("<I", 1) + pack_bits(labels(86), 7), SideFormat(labels=LABELS)),
    ],
)
def test_payloads_without_sense_are_refused(payload: bytes, side: SideFormat) -> None:
    with pytest.raises(ContainerError, match="segment record at frame 7 is invalid"):
        SegmentRecord.parse(record_block(payload), side)


def test_a_number_that_is_not_the_one_of_the_block_is_refused() -> None:
    block = record_block(struct.pack("<I", 4), number=3)
    with pytest.raises(ContainerError, match="contradicts"):
        SegmentRecord.parse(block, SideFormat(segmentation=SEGMENTATION))


def test_labels_that_no_block_can_hold_are_refused() -> None:
    with pytest.raises(LimitExceededError, match="shorter segments"):
        SegmentRecord(0, 0, labels=np.zeros(75_000, np.uint16)).pack(SideFormat(labels=LABELS))


def test_segments_of_an_item_have_the_frames_and_labels_of_their_samples() -> None:
    header = CdcHeader(IDENTITY, FORMAT, 8, side=FULL_SIDE)
    check_segments([10, 3], [20, 5], header, 3600)
    for frames, counts, n_samples, message in (
        ([10], [20], 3600, "1 segments where 2"),
        ([10, 3, 1], [20, 5, 1], 3600, "3 segments where 2"),
        ([9, 4], [20, 5], 3600, "not those of their samples"),
        ([10, 2], [20, 5], 3600, "cannot be those"),
        ([10, 3], [20, 4], 3600, "segment 1 has 4 labels"),
        ([10, 3], [20, 5], None, "need the number of samples"),
    ):
        with pytest.raises(InvalidTokensError, match=message):
            check_segments(frames, counts, header, n_samples)


def test_a_level_alone_needs_no_number_of_samples() -> None:
    check_segments([5], [0], CdcHeader(IDENTITY, FORMAT, 8, side=SideFormat(True)), None)
