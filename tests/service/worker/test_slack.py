"""Work that can wait gets the gaps, and what it may delay is counted."""

import pytest

from service.worker.slack import Slack, SlackLimits

MS = 1_000_000


def slack() -> Slack:
    return Slack(SlackLimits(guard_seconds=0.001, late_seconds=0.005, delay_share=0.1, delay_seconds=0.05))


def test_a_step_fits_before_the_next_message() -> None:
    rules = slack()
    assert rules.grant([], 0, 0.003) == (float("inf"), 0)
    assert rules.grant([30 * MS, 11 * MS], 0, 0.003)[0] == pytest.approx(0.010)
    assert rules.grant([30 * MS, 4 * MS], 0, 0.003)[0] == pytest.approx(0.003)


def test_it_is_put_off_where_the_gap_is_too_small_until_the_message_is_overdue() -> None:
    rules = slack()
    assert rules.grant([30 * MS, 2 * MS], 0, 0.003) == (0.0, 7 * MS)
    assert rules.grant([30 * MS, 2 * MS], 6 * MS, 0.003) == (0.0, 11 * MS), "it is late, but expected"
    assert rules.grant([30 * MS, 2 * MS], 7 * MS, 0.003)[0] == pytest.approx(0.022)


def test_delay_is_paid_from_what_messages_have_earned() -> None:
    rules = slack()
    for _ in range(3):
        rules.earn(0.010)
    assert rules.grant([2 * MS, 3 * MS], 0, 0.004)[0] == pytest.approx(0.004), "2 ms and 1 ms are 3 ms"
    assert rules.grant([2 * MS, 3 * MS], 0, 0.004)[0] == 0.0
    for _ in range(1000):
        rules.earn(10.0)
    granted = [rules.grant([0], 0, 0.020)[0] for _ in range(4)]
    assert granted == [0.020, 0.020, 0.0, 0.0], "no more than 50 ms are saved up"


def test_delay_costs_more_where_live_streams_leave_little_idle_time() -> None:
    rules = slack()
    for turn in range(1000):
        rules.ran(8 * MS, turn * 10 * MS)
    now_ns = 1000 * 10 * MS
    for _ in range(6):
        rules.earn(0.010)
    assert rules.grant([now_ns], now_ns, 0.002)[0] == 0.0
    rules = slack()
    for _ in range(6):
        rules.earn(0.010)
    assert rules.grant([now_ns], now_ns, 0.002)[0] == 0.002
