"""The worst lateness is remembered for a while."""

from service.worker.lateness import Lateness

SECOND_NS = 1_000_000_000


def test_the_worst_counts_and_fades_by_half_in_half_a_second() -> None:
    lateness = Lateness()
    assert not lateness.is_behind(0)
    lateness.note(300_000_000, 0)
    lateness.note(1_000_000, SECOND_NS // 2)
    assert lateness.worst_ns(SECOND_NS // 2) == 150_000_000
    assert lateness.is_behind(SECOND_NS // 2)
    assert not lateness.is_behind(SECOND_NS)
    lateness.note(90_000_000, 2 * SECOND_NS)
    assert lateness.is_behind(2 * SECOND_NS)
