"""A queue is never so full of one caller's work that another's first request finds no place."""

from dataclasses import dataclass

import pytest

from service.places import check_audio, check_deadline, check_place, order_of, seconds_ahead
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


def test_audio_that_does_not_fit_is_refused_whoever_sends_it() -> None:
    check_audio(0.0, 100.0, 60.0, 40.0, bulk=False)
    with pytest.raises(ServiceError, match="60 s of audio are queued") as caught:
        check_audio(0.0, 100.0, 60.0, 41.0, bulk=False)
    assert caught.value.condition is Condition.OVERLOADED
    with pytest.raises(ServiceError, match="of your work"):
        check_audio(88.0, 100.0, 88.0, 1.0, bulk=False)


@dataclass(frozen=True)
class _Job:
    caller: str
    seconds: float
    bulk: bool = False
    arrived_ns: int = 0

    @property
    def order_ns(self) -> int:
        return order_of(self.arrived_ns, self.seconds)


def _ahead(job: _Job, *queued: _Job) -> float:
    return seconds_ahead(job, job.seconds, queued, lambda other: other.seconds)


def test_who_waits_for_whom() -> None:
    mine = _Job("a", 1.0)
    assert _ahead(mine, _Job("a", 1.0), _Job("a", 1.1)) == 1.0, "short ones pass long ones"
    assert _ahead(mine, _Job("b", 5.0), _Job("c", 0.5)) == 1.5, "as long as the job runs others get turns"
    assert _ahead(mine, _Job("a", 5.0, bulk=True)) == 0.0
    assert _ahead(_Job("a", 1.0, bulk=True), _Job("b", 5.0), _Job("c", 9.0, bulk=True)) == 6.0
    check_deadline(2.0, 1.0, 1.0)
    with pytest.raises(ServiceError, match=r"1\.0 s of work are queued, too much for the deadline"):
        check_deadline(1.9, 1.0, 1.0)
