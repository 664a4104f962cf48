from codec.container import FrameRange, SegmentRange
from codec.container.block import PackedBlock
from codec.container.damage import MAX_PROBLEMS, DamageLog


def block(first_frame: int, n_frames: int) -> PackedBlock:
    return PackedBlock(first_frame, n_frames, 1, b"")


def test_a_file_without_damage() -> None:
    log = DamageLog()
    log.take(block(0, 5))
    log.take(block(5, 5))
    assert not log.report().intact
    log.finish(10)
    assert log.report().intact


def test_gaps_are_named_in_order() -> None:
    log = DamageLog()
    log.take(block(5, 5))
    log.take(block(20, 1))
    log.finish(30)
    report = log.report()
    assert report.lost == (FrameRange(0, 5), FrameRange(10, 20), FrameRange(21, 30))
    assert not report.intact


def test_without_an_end_the_last_gap_is_open() -> None:
    log = DamageLog(next_frame=7)
    assert log.report().lost == (FrameRange(7, None),)
    log.take(block(7, 3))
    assert log.report().lost == (FrameRange(10, None),)


def test_problems_are_counted_beyond_those_that_are_kept() -> None:
    log = DamageLog()
    for number in range(MAX_PROBLEMS + 5):
        log.note(f"problem {number}")
    log.finish(0)
    report = log.report()
    assert (len(report.problems), report.n_problems, report.intact) == (MAX_PROBLEMS, MAX_PROBLEMS + 5, False)


def test_lost_segments_that_follow_each_other_are_one_range() -> None:
    log = DamageLog()
    for start, stop in ((0, 2), (2, 3), (5, 6)):
        log.lose_segments(start, stop)
    log.finish(0)
    assert log.report().lost_segments == (SegmentRange(0, 3), SegmentRange(5, 6))
    assert not log.report().intact
