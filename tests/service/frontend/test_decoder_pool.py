"""Confined processes: what they do, what they refuse, and that one that dies costs one request."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio

from codec.audio import AudioLimits
from service.frontend.call import Call
from service.frontend.decoder_pool import Answer, DecoderPool, PoolConfig
from service.status import Condition, ServiceError
from tests.service.frontend import bodies

_HEADER: dict[str, Any] = {
    "task": "read",
    "sample_rate": 16_000,
    "channels": 1,
    "limits": vars(AudioLimits()),
    "pcm": None,
}


@pytest_asyncio.fixture
async def pool() -> AsyncIterator[DecoderPool]:
    """Two processes at most; one request may take two seconds and 128 MiB."""
    pool = DecoderPool(PoolConfig(processes=2, timeout_seconds=2, memory_bytes=1 << 27, max_waiting=2))
    await pool.start()
    yield pool
    pool.close()


async def _read(pool: DecoderPool, body: bytes, seconds: float = 10.0, **header: Any) -> Answer:
    with Call(seconds) as call:
        return await pool.run(_HEADER | header, body, call)


async def test_audio_comes_back_as_samples(pool: DecoderPool) -> None:
    answer = await _read(pool, bodies.sound_file(0.5, 48_000, 2, form="FLAC"))
    samples = np.frombuffer(answer.body, "<f4")
    assert len(samples) == 8000
    assert np.abs(samples[1000:7000] - 0.25).max() < 0.01


async def test_what_is_no_audio_is_refused(pool: DecoderPool) -> None:
    with pytest.raises(ServiceError, match="no audio") as caught:
        await _read(pool, b"not at all")
    assert caught.value.condition is Condition.UNSUPPORTED_MEDIA


async def test_a_bomb_meets_the_memory_limit_and_the_process_goes_on(pool: DecoderPool) -> None:
    with pytest.raises(ServiceError, match="memory") as caught:
        await _read(pool, bodies.flac_bomb(180, 8_000, 1), sample_rate=192_000)
    assert caught.value.condition is Condition.LIMIT_EXCEEDED
    assert len((await _read(pool, bodies.sound_file())).body) == 4 * 8000


async def test_a_process_that_dies_costs_one_request(pool: DecoderPool) -> None:
    await _read(pool, bodies.sound_file())
    (pid,) = _children("decoder_process")
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(ServiceError) as caught:
        await _read(pool, bodies.sound_file())
    assert caught.value.condition is Condition.UNSUPPORTED_MEDIA
    assert len((await _read(pool, bodies.sound_file())).body) == 4 * 8000


async def test_a_process_that_hangs_is_ended_at_the_time_limit(pool: DecoderPool) -> None:
    await _read(pool, bodies.sound_file())
    (pid,) = _children("decoder_process")
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(ServiceError, match="more than 2 s") as caught:
        await _read(pool, bodies.sound_file())
    assert caught.value.condition is Condition.LIMIT_EXCEEDED
    assert pid not in _children("decoder_process")
    assert len((await _read(pool, bodies.sound_file())).body) == 4 * 8000


async def test_a_call_that_ends_frees_its_place(pool: DecoderPool) -> None:
    await _read(pool, bodies.sound_file())
    (pid,) = _children("decoder_process")
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(ServiceError) as caught:
        await _read(pool, bodies.sound_file(), seconds=0.3)
    assert caught.value.condition is Condition.DEADLINE_EXCEEDED
    assert len((await _read(pool, bodies.sound_file())).body) == 4 * 8000


async def test_too_many_waiting_requests_are_refused_and_the_others_served(pool: DecoderPool) -> None:
    body = bodies.sound_file(20, form="FLAC")
    results = await asyncio.gather(*(_read(pool, body) for _ in range(6)), return_exceptions=True)
    served = [result for result in results if isinstance(result, Answer)]
    refused = [result for result in results if isinstance(result, ServiceError)]
    assert (len(served), len(refused)) == (4, 2)
    assert {error.condition for error in refused} == {Condition.OVERLOADED}


async def test_a_confined_process_can_open_no_further_files_and_start_nothing(pool: DecoderPool) -> None:
    await _read(pool, bodies.sound_file())
    (pid,) = _children("decoder_process")
    limits = Path(f"/proc/{pid}/limits").read_text()
    rows = {line[:26].strip(): line[26:].split()[:2] for line in limits.splitlines()[1:]}
    assert rows["Max file size"] == ["0", "0"]
    assert rows["Max processes"] == ["0", "0"]
    assert rows["Max core file size"] == ["0", "0"]
    assert int(rows["Max address space"][0]) < 2**31
    assert int(rows["Max cpu time"][0]) <= 10


def _children(name: str) -> list[int]:
    """Processes of this one whose command line holds `name`."""
    found = []
    for task in Path("/proc/self/task").iterdir():
        for pid in (task / "children").read_text().split():
            if name in Path(f"/proc/{pid}/cmdline").read_text():
                found.append(int(pid))
    return found
