"""What steps take over what was calibrated is followed within seconds, and forgotten without steps."""

import random

import pytest

from service.worker.slowdown import Slowdown

SECOND = 1_000_000_000
STEP = 0.002


def steps(slowdown: Slowdown, factor: float, began_ns: int, seconds: int, share: float = 0.5) -> int:
    """Run steps for so long, that share of the time if they took as long as calibrated; when it is over."""
    for number in range(round(seconds * share / STEP)):
        slowdown.note(factor * STEP, STEP, began_ns + round(number * STEP / share * SECOND))
    return began_ns + seconds * SECOND


@pytest.mark.parametrize("factor", [0.4, 1.0, 3.0, 20.0])
def test_it_follows_what_lasts(factor: float) -> None:
    slowdown = Slowdown()
    assert slowdown.factor(0) == 1.0
    now_ns = steps(slowdown, factor, 0, 5)
    assert slowdown.factor(now_ns) == pytest.approx(factor, rel=0.05)
    now_ns = steps(slowdown, 1.0, now_ns, 30)
    assert slowdown.factor(now_ns) == pytest.approx(1.0, rel=0.06)


def test_a_worker_with_a_single_stream_shows_it_too() -> None:
    slowdown = Slowdown()
    now_ns = steps(slowdown, 3.0, 0, 5, share=0.025)
    assert 2.4 < slowdown.factor(now_ns) < 3.0


def test_it_is_steady_where_steps_are_not() -> None:
    """Steps that take anything from half to twice as long move it by a few percent."""
    slowdown, noise, factors = Slowdown(), random.Random(0), []
    for number in range(5000):
        now_ns = number * 4_000_000
        slowdown.note(STEP * noise.uniform(0.5, 2.0), STEP, now_ns)
        factors.append(slowdown.factor(now_ns))
    late = factors[1500:]
    assert max(late) < 1.1 * min(late)
    assert sum(late) / len(late) == pytest.approx(1.25, rel=0.03)


def test_a_step_that_was_interrupted_counts_as_four() -> None:
    slowdown = Slowdown()
    now_ns = steps(slowdown, 1.0, 0, 5)
    before = slowdown.factor(now_ns)
    slowdown.note(10.0, STEP, now_ns)
    assert before < slowdown.factor(now_ns) < 1.01 * before


def test_what_was_seen_is_forgotten_half_a_minute_after_the_last_step() -> None:
    slowdown = Slowdown()
    now_ns = steps(slowdown, 8.0, 0, 20)
    assert slowdown.factor(now_ns + SECOND) > 7.0, "not at once"
    assert slowdown.factor(now_ns + 60 * SECOND) == pytest.approx(1.0, rel=0.01)
