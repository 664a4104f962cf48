"""A core of one's own, and one that others want."""

from service.worker.core_share import CoreShare

MS = 1_000_000


def noted(share: CoreShare, part: float, steps: int) -> CoreShare:
    for _ in range(steps):
        share.note(5 * MS, round(part * 5 * MS))
    return share


def test_what_lasts_counts() -> None:
    share = CoreShare()
    assert not share.is_contended
    assert not noted(share, 0.5, 40).is_contended, "0.2 s of it"
    assert noted(share, 0.5, 160).is_contended
    assert noted(share, 0.5, 1000).is_contended
    assert not noted(share, 0.9, 200).is_contended


def test_front_end_and_callers_may_have_a_part() -> None:
    assert not noted(CoreShare(), 0.8, 1000).is_contended


def test_steps_without_duration_say_nothing() -> None:
    share = CoreShare()
    share.note(0, 5 * MS)
    assert not share.is_contended
