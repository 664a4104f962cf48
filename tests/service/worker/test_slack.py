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


NOW = 10_000 * MS


def busy(share: float) -> Slack:
    """Live streams have taken that share of the time until `NOW`."""
    rules = slack()
    for turn in range(1, 1001):
        rules.ran(round(share * 10 * MS), turn * 10 * MS)
    return rules


def earned(rules: Slack, messages: int, lateness_seconds: float = 0.010) -> Slack:
    for _ in range(messages):
        rules.earn(lateness_seconds)
    return rules


def test_delay_is_paid_from_what_messages_have_earned() -> None:
    """At half the time busy each of 10 ms earns 0.5 ms, and each ms of delay costs 2."""
    rules, due_ns = busy(0.5), [NOW + 2 * MS, NOW + 3 * MS]
    assert earned(rules, 11).grant(due_ns, NOW, 0.004)[0] == 0.0
    assert earned(rules, 2).grant(due_ns, NOW, 0.004)[0] == pytest.approx(0.004), "2 ms and 1 ms are 3 ms"
    assert rules.grant(due_ns, NOW, 0.004)[0] == 0.0
    earned(rules, 1000, 10.0)
    granted = [rules.grant([NOW], NOW, 0.010)[0] for _ in range(4)]
    assert granted == [0.010, 0.010, 0.0, 0.0], "no more than 50 ms are saved up"


def test_delay_costs_more_where_live_streams_leave_little_idle_time() -> None:
    """2 ms of delay are 10 ms at 80 %, and each message earns 0.8 ms; at 40 % 3.3 ms and 0.4 ms."""
    assert earned(busy(0.8), 12).grant([NOW], NOW, 0.002)[0] == 0.0
    assert earned(busy(0.8), 13).grant([NOW], NOW, 0.002)[0] == 0.002
    assert earned(busy(0.4), 9).grant([NOW], NOW, 0.002)[0] == 0.002


def test_where_there_is_idle_time_live_streams_are_hardly_ever_delayed() -> None:
    assert earned(busy(0.02), 100).grant([NOW], NOW, 0.003)[0] == 0.0
    assert earned(slack(), 1000).grant([NOW], NOW, 0.003)[0] == 0.0
