"""The search finds the largest number that passes, in few tries, and confirms it."""

import math

import pytest

from tests.bench.search import confirmed, largest_passing


@pytest.mark.parametrize("truth", [0, 1, 2, 7, 8, 9, 31, 100, 399, 400])
@pytest.mark.parametrize("start", [1, 8, 300])
def test_the_answer_passes_and_is_close_to_the_largest(truth: int, start: int) -> None:
    tried: list[int] = []

    def passes(number: int) -> bool:
        assert 1 <= number <= 400
        tried.append(number)
        return number <= truth

    found = largest_passing(passes, start, 400)
    assert found <= truth <= math.floor(1.08 * found) + 1
    assert len(tried) == len(set(tried)) <= 22


def test_the_limit_is_tried_and_not_passed() -> None:
    assert largest_passing(lambda number: True, 8, 100) == 100
    assert largest_passing(lambda number: True, 500, 100) == 100


def test_what_cannot_be_confirmed_is_lowered() -> None:
    assert confirmed(lambda number: number <= 95, 100) == 92
    assert confirmed(lambda number: number <= 100, 100) == 100
    assert confirmed(lambda number: False, 100) == 0
    assert confirmed(lambda number: False, 0) == 0
    assert confirmed(lambda number: number <= 2, 3) == 2
