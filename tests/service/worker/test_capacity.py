"""Capacity follows from what steps cost, now and at the start."""

import pytest

from service.ipc import Operation
from service.worker.capacity import Capacity
from service.worker.cost import Timing
from tests.service.worker.oracle import GEOMETRY, costs

NONE = dict.fromkeys(Operation, 0)


def capacity(fixed: float, per_frame: float, slots: int = 1000) -> Capacity:
    return Capacity(GEOMETRY, costs(fixed, per_frame), slots, max_rows=64)


def streams(encode: int, decode: int = 0) -> dict[Operation, int]:
    return {Operation.ENCODE: encode, Operation.DECODE: decode}


def test_capacity_is_what_fits_into_three_fifths_of_a_message() -> None:
    """1 ms a step, 1 ms for each row of 4 frames and 0.3 ms beside it: 48 ms hold 36 rows."""
    rules = capacity(0.001, 0.00025)
    assert rules.calibrated(Operation.ENCODE) == rules.room(Operation.DECODE, NONE, 0) == 36
    assert rules.fits(streams(36), 0)
    assert not rules.fits(streams(37), 0)
    assert rules.fits(streams(17, 18), 0), "two steps, each with its fixed cost"
    assert not rules.fits(streams(18, 18), 0)
    assert rules.room(Operation.ENCODE, streams(10, 5), 0) == 20


def test_there_are_no_more_than_slots() -> None:
    rules = capacity(0.001, 0.00025, slots=8)
    assert rules.calibrated(Operation.ENCODE) == 8
    assert not rules.fits(streams(5, 4), 0)
    assert rules.room(Operation.ENCODE, streams(5, 4), 0) == 0


def test_a_slow_machine_has_less_room_and_the_same_calibrated_capacity() -> None:
    rules = capacity(0.001, 0.00025)
    for _ in range(500):
        rules.observe(Operation.ENCODE, Timing(1, 4, 3, 4 * 0.002), 0)
    assert rules.calibrated(Operation.ENCODE) == 36
    assert rules.room(Operation.ENCODE, NONE, 0) == 10
    assert rules.room(Operation.DECODE, NONE, 0) == 36
    assert rules.real_time_factor(Operation.ENCODE, 0) == pytest.approx(0.08 / 0.008, rel=0.05)
    assert rules.fits(streams(10), 0)
    assert not rules.fits(streams(11), 0)


def test_a_worker_without_steps_has_what_was_calibrated_again() -> None:
    """Even one that has been so slow that no stream fitted, and that thus would never see another step."""
    rules = capacity(0.001, 0.00025)
    for _ in range(500):
        rules.observe(Operation.ENCODE, Timing(1, 4, 3, 64 * 0.002), 0)
    rooms = [rules.room(Operation.ENCODE, NONE, second * 10**9) for second in range(0, 91, 15)]
    assert (rooms[0], rooms[-1]) == (0, 36)
    assert rooms == sorted(rooms)


@pytest.mark.parametrize(("per_frame", "most"), [(0.019, 1), (0.021, 0)])
def test_one_stream_is_served_wherever_it_keeps_up(per_frame: float, most: int) -> None:
    assert capacity(0.001, per_frame).calibrated(Operation.ENCODE) == most


def test_the_real_time_factor_is_that_of_one_stream() -> None:
    assert capacity(0.004, 0.001).real_time_factor(Operation.ENCODE, 0) == pytest.approx(10)
