"""Restarts come soon, then less often, then soon again after a stable time."""

import asyncio
import itertools
import time

import pytest

from service.supervisor.backoff import Backoff, keep_running


def test_delays_double_up_to_five_seconds() -> None:
    backoff = Backoff()
    assert [backoff.after(1.0) for _ in range(7)] == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


def test_a_stable_life_starts_over() -> None:
    backoff = Backoff()
    for _ in range(5):
        backoff.after(0.0)
    assert [backoff.after(31.0), backoff.after(29.0)] == [0.2, 0.4]


async def test_what_dies_is_run_again_until_retired(caplog: pytest.LogCaptureFixture) -> None:
    retired = asyncio.Event()
    runs: list[float] = []

    async def run_once() -> int:
        runs.append(time.monotonic())
        if len(runs) == 3:
            retired.set()
        return -9

    await keep_running("it", run_once, retired)
    pauses = [later - earlier for earlier, later in itertools.pairwise(runs)]
    assert pauses == pytest.approx([0.2, 0.4], abs=0.15)
    assert [record.__dict__["exit"] for record in caplog.records] == ["signal SIGKILL"] * 2


async def test_retiring_ends_the_pause() -> None:
    retired = asyncio.Event()

    async def run_once() -> int:
        asyncio.get_running_loop().call_later(0.02, retired.set)
        return 1

    started = time.monotonic()
    await keep_running("it", run_once, retired)
    assert time.monotonic() - started < 0.15
