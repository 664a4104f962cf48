"""A queue is never so full of one caller's work that another's first request finds no place."""

import pytest

from service.places import check_place
from service.status import Condition, ServiceError


def fill(held: int, size: int, others: int = 0, *, bulk: bool = False) -> int:
    """How many places a caller comes to hold who takes what it gets."""
    while True:
        try:
            check_place(held, size, held + others, bulk=bulk)
        except ServiceError:
            return held
        held += 1


@pytest.mark.parametrize(
    ("size", "interactive", "bulk"), [(64, 56, 32), (1000, 875, 500), (8, 7, 4), (1, 1, 1)]
)
def test_one_caller_alone_leaves_room(size: int, interactive: int, bulk: int) -> None:
    assert fill(0, size) == interactive
    assert fill(0, size, bulk=True) == bulk


def test_others_find_places_until_all_are_taken() -> None:
    first = fill(0, 64)
    second = fill(0, 64, others=first)
    third = fill(0, 64, others=first + second)
    assert (first, second, third) == (56, 7, 1)
    for held, used, reason in ((0, 64, "the queue is full"), (56, 56, "of your work")):
        with pytest.raises(ServiceError, match=reason) as caught:
            check_place(held, 64, used, bulk=False)
        assert caught.value.condition is Condition.OVERLOADED


def test_places_given_back_go_to_those_who_hold_least() -> None:
    assert fill(50, 64, others=10) == 50
    assert fill(7, 64, others=50) == 13
