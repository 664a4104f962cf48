"""Deadlines and clients that leave, seen from inside a request."""

import asyncio
import gc
import time

import pytest

from service.frontend.call import Call
from service.status import Condition, ServiceError


async def test_what_is_waited_for_comes_back() -> None:
    with Call(5) as call:
        assert await call.run(asyncio.sleep(0, "done")) == "done"
        assert 4 < call.remaining_seconds <= 5


async def test_a_deadline_ends_the_wait_and_the_work() -> None:
    cancelled = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    began = time.monotonic()
    with Call(0.05) as call, pytest.raises(ServiceError) as caught:
        await call.run(work())
    assert caught.value.condition is Condition.DEADLINE_EXCEEDED
    assert time.monotonic() - began < 1
    assert cancelled.is_set()


async def test_after_the_end_nothing_is_waited_for() -> None:
    with Call(5) as call:
        call.fail(ServiceError(Condition.CANCELLED, "gone"))
        with pytest.raises(ServiceError, match="gone"):
            await call.wait(asyncio.get_running_loop().create_future())


async def test_a_client_that_leaves_ends_the_wait() -> None:
    async def leaves() -> None:
        await asyncio.sleep(0.05)

    with Call(5) as call:
        call.watch(leaves)
        with pytest.raises(ServiceError) as caught:
            await call.wait(asyncio.get_running_loop().create_future())
    assert caught.value.condition is Condition.CANCELLED


async def test_a_short_call_is_not_watched() -> None:
    started = asyncio.Event()

    async def watch() -> None:
        started.set()

    with Call(5) as call:
        call.watch(watch)
    await asyncio.sleep(0.1)
    assert not started.is_set()


async def test_errors_of_the_work_come_through() -> None:
    async def work() -> None:
        raise ValueError("of the work")

    with Call(5) as call, pytest.raises(ValueError, match="of the work"):
        await call.run(work())


async def test_a_deadline_ends_what_the_task_itself_receives() -> None:
    began = time.monotonic()
    with Call(0.05) as call, pytest.raises(ServiceError, match="too late") as caught:
        await call.receive(asyncio.sleep(10), "too late")
    assert caught.value.condition is Condition.DEADLINE_EXCEEDED
    assert time.monotonic() - began < 5
    await asyncio.sleep(0)


async def test_what_was_received_in_time_is_not_ended_later() -> None:
    with Call(0.05) as call:
        assert await call.receive(asyncio.sleep(0, "here"), "too late") == "here"
        await asyncio.sleep(0.1)


async def test_a_task_that_is_cancelled_while_it_receives_ends_as_cancelled() -> None:
    async def receive() -> None:
        with Call(5) as call:
            await call.receive(asyncio.sleep(10), "too late")

    task = asyncio.ensure_future(receive())
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_long_call_leaves_no_cycle_behind() -> None:
    async def stays() -> None:
        await asyncio.sleep(10)

    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            with Call(5) as call:
                call.watch(stays)
                await asyncio.sleep(0.03)
            del call
        await asyncio.sleep(0.01)
        assert gc.collect() < 20
    finally:
        gc.enable()
