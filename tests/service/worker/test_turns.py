"""Every caller gets the same time, whatever it has queued, and nobody waits for more than a turn each."""

import pytest

from service.worker.turns import QUANTUM_SECONDS, Turns


@pytest.mark.parametrize("costs", [(0.001, 0.02, 0.04), (0.003, 0.003, 0.003), (0.0005, 0.5, 0.01)])
def test_callers_with_steps_of_any_length_get_equal_time(costs: tuple[float, ...]) -> None:
    turns, used = Turns(), [0.0] * len(costs)
    while sum(used) < 30:
        caller = turns.first({0, 1, 2})
        turns.charge(caller, costs[caller])
        used[caller] += costs[caller]
    assert max(used) - min(used) <= QUANTUM_SECONDS + 2 * max(costs)


def test_one_who_comes_anew_waits_for_one_turn() -> None:
    turns = Turns()
    for _ in range(1000):
        turns.charge(turns.first({1}), 0.04)
    assert turns.first({1, 2}) == 2
    waited = 0.0
    turns = Turns()
    while (caller := turns.first({1, 2} if waited else {1})) == 1:
        turns.charge(caller, 0.001)
        waited += 0.001
    assert waited <= QUANTUM_SECONDS + 0.001


def test_what_was_left_or_owed_is_forgotten_with_the_work() -> None:
    turns = Turns()
    turns.charge(turns.first({1, 2}), 10.0)
    assert turns.first({2}) == 2
    turns.charge(2, 0.001)
    assert turns.first({1, 2}) == 2
    turns.charge(2, 0.1)
    assert turns.first({1, 2}) == 1
    turns.charge(9, 1.0)
    assert turns.first({1, 2}) == 1
