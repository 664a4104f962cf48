"""A row has one holder at a time, however often it is given back."""

from service.worker.slots import Lease, SlotPool


def test_rows_are_handed_out_once_and_run_out() -> None:
    pool = SlotPool(3, first_row=10)
    leases = [pool.acquire() for _ in range(4)]
    assert [lease.row for lease in leases if lease] == [10, 11, 12]
    assert leases[3] is None
    assert pool.used == 3


def test_a_row_given_back_twice_is_free_once() -> None:
    pool = SlotPool(1)
    first = pool.acquire()
    assert first is not None
    assert pool.release(first)
    second = pool.acquire()
    assert second is not None
    assert not pool.release(first), "the row belongs to another now"
    assert pool.used == 1
    assert pool.acquire() is None
    assert pool.mismatches == 1


def test_a_new_lease_of_a_row_has_a_new_generation() -> None:
    pool = SlotPool(1)
    first = pool.acquire()
    assert first == Lease(0, 0)
    pool.release(first)
    assert not pool.holds(first)
    assert pool.acquire() == Lease(0, 1)


def test_the_longest_unused_row_comes_first() -> None:
    pool = SlotPool(2)
    first, second = pool.acquire(), pool.acquire()
    assert first is not None
    assert second is not None
    pool.release(second)
    pool.release(first)
    again = pool.acquire()
    assert again is not None
    assert again.row == second.row
