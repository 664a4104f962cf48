from collections.abc import Callable

import pytest

from codec.container import CdcHeader, SegmentRange, SegmentRecord
from codec.container.block import PackedBlock, segment_tag
from codec.container.damage import DamageLog
from codec.container.track import SegmentTrack
from codec.errors import ContainerError
from codec.tokens import SideFormat
from tests.codec.container.samples import FORMAT, FULL_SIDE, IDENTITY


def track(side: SideFormat = FULL_SIDE, strict: bool = False) -> tuple[SegmentTrack, DamageLog]:
    log = DamageLog()
    return SegmentTrack(CdcHeader(IDENTITY, FORMAT, 1, side=side), log, strict), log


def block(number: int, frame: int | None = None) -> PackedBlock:
    """A block of a segment of ten frames."""
    return PackedBlock(10 * number if frame is None else frame, 5, 1, b"", segment=segment_tag(number))


def record(number: int) -> SegmentRecord:
    return SegmentRecord(number, 10 * number, 0.5)


def test_blocks_belong_to_the_record_before_them() -> None:
    followed, log = track(strict=True)
    for number in range(70):
        followed.begin(record(number))
        for frame in (10 * number, 10 * number + 5):
            followed.take(block(number, frame))
            assert followed.current is not None
            assert (followed.current.number, followed.current.lost) == (number, False)
    followed.finish(70)
    assert log.report().lost_segments == ()


@pytest.mark.parametrize("number", [1, 2, 31, 32, 33, 64, 70, 5000])
def test_a_block_without_its_record_says_so(number: int) -> None:
    followed, log = track()
    followed.begin(record(0))
    followed.take(block(0))
    followed.take(block(number))
    assert followed.current is not None
    assert (followed.current.number, followed.current.first_frame) == (number, 10 * number)
    assert followed.current.lost
    followed.take(block(number, 10 * number + 5))
    followed.begin(record(number + 1))
    followed.finish(number + 3)
    assert log.report().lost_segments == (SegmentRange(1, number + 1), SegmentRange(number + 2, number + 3))


def test_a_whole_item_is_one_segment() -> None:
    followed, log = track(SideFormat(True))
    followed.take(block(0, 4))
    assert followed.current is not None
    assert followed.current.lost
    followed.take(block(0, 400))
    assert log.report().lost_segments == (SegmentRange(0, 1),)


def test_files_without_records_have_no_segments() -> None:
    followed, log = track(SideFormat(), strict=True)
    followed.take(block(0, 4))
    followed.finish(3)
    assert followed.current is None
    assert log.report().lost_segments == ()


def test_segments_never_come_twice_or_after_later_ones() -> None:
    followed, _ = track()
    followed.begin(record(3))
    for number in (3, 2, 0):
        with pytest.raises(ContainerError, match=f"segment {number} stands where segment 4"):
            followed.begin(record(number))
    with pytest.raises(ContainerError, match="segment 2 stands where segment 4"):
        followed.take(block(2, 30))


def test_strict_tracks_miss_nothing() -> None:
    acts: tuple[Callable[[SegmentTrack], None], ...] = (
        lambda followed: followed.begin(record(1)),
        lambda followed: followed.take(block(0)),
        lambda followed: followed.finish(1),
    )
    for act in acts:
        with pytest.raises(ContainerError, match="no record of segment 0"):
            act(track(strict=True)[0])
