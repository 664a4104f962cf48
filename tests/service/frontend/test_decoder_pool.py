"""Confined processes: what they do, what they refuse, and that one that dies costs one request."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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


_REJECTED: Counter[str] = Counter()


@pytest.fixture(autouse=True)
def _forget() -> None:
    _REJECTED.clear()


@pytest_asyncio.fixture
async def pool() -> AsyncIterator[DecoderPool]:
    """Two processes at most; one request may take two seconds."""
    async with _started(PoolConfig(processes=2, timeout_seconds=2, max_waiting=2)) as pool:
        yield pool


@asynccontextmanager
async def _started(config: PoolConfig) -> AsyncIterator[DecoderPool]:
    pool = DecoderPool(config, lambda reason: _REJECTED.update([reason]))
    try:
        await pool.start()
        yield pool
    finally:
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
    assert _REJECTED == {"invalid": 1}


async def test_a_bomb_meets_the_memory_limit_and_the_process_goes_on() -> None:
    async with _started(PoolConfig(processes=1, memory_bytes=1 << 27)) as pool:
        with pytest.raises(ServiceError, match="memory") as caught:
            await _read(pool, bodies.flac_bomb(180, 8_000, 1), sample_rate=192_000)
        assert caught.value.condition is Condition.LIMIT_EXCEEDED
        assert len((await _read(pool, bodies.sound_file())).body) == 4 * 8000
        assert _REJECTED == {"limit": 1}


async def test_a_bomb_meets_the_processor_limit_and_the_next_request_is_served() -> None:
    """Half a second and more of work in 180 KB."""
    async with _started(PoolConfig(processes=1, cpu_seconds=0.1)) as pool:
        (before,) = _children("decoder_process")
        with pytest.raises(ServiceError, match=r"more than 0\.1 s") as caught:
            await _read(pool, bodies.flac_bomb(300, 192_000, 1), 30.0, sample_rate=48_000)
        assert caught.value.condition is Condition.LIMIT_EXCEEDED
        assert len((await _read(pool, bodies.sound_file())).body) == 4 * 8000
        assert before not in _children("decoder_process")
        assert _REJECTED == {"cpu": 1}


@pytest.mark.parametrize("field", [b"data", b"fmt "])
async def test_a_forged_header_takes_no_memory_on_trust(pool: DecoderPool, field: bytes) -> None:
    """A file of a few bytes that says it has four gigabytes, or a description as long."""
    body = bytearray(bodies.sound_file(0.1, 48_000, form="WAV", subtype="IMA_ADPCM"))
    at = body.index(field) + 4
    body[at : at + 4] = b"\xff\xff\xff\xfe"
    (pid,) = _children("decoder_process")
    (result,) = await asyncio.gather(_read(pool, bytes(body)), return_exceptions=True)
    if isinstance(result, Answer):
        assert len(result.body) < 4 * 8000
    else:
        assert isinstance(result, ServiceError)
        assert result.condition is Condition.UNSUPPORTED_MEDIA
    status = Path(f"/proc/{pid}/status").read_text()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    assert int(peak.split()[1]) < 150_000


async def test_a_process_that_is_killed_while_nobody_uses_it_costs_nothing(pool: DecoderPool) -> None:
    await _read(pool, bodies.sound_file())
    (pid,) = _children("decoder_process")
    os.kill(pid, signal.SIGKILL)
    await asyncio.sleep(0.1)
    assert len((await _read(pool, bodies.sound_file())).body) == 4 * 8000


@pytest.mark.parametrize(
    ("number", "condition", "reason"),
    [
        (signal.SIGKILL, Condition.UNAVAILABLE, "killed"),
        (signal.SIGSEGV, Condition.UNSUPPORTED_MEDIA, "crash"),
    ],
)
async def test_a_process_that_dies_costs_one_request(
    number: signal.Signals, condition: Condition, reason: str, pool: DecoderPool
) -> None:
    await _read(pool, bodies.sound_file())
    (pid,) = _children("decoder_process")
    os.kill(pid, signal.SIGSTOP)
    reading = asyncio.create_task(_read(pool, bodies.sound_file()))
    await asyncio.sleep(0.1)
    os.kill(pid, number)
    os.kill(pid, signal.SIGCONT)
    with pytest.raises(ServiceError) as caught:
        await reading
    assert caught.value.condition is condition
    assert {reason: 1} == _REJECTED
    assert len((await _read(pool, bodies.sound_file())).body) == 4 * 8000


async def test_a_process_that_hangs_is_ended_at_the_time_limit(pool: DecoderPool) -> None:
    await _read(pool, bodies.sound_file())
    (pid,) = _children("decoder_process")
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(ServiceError, match="more than 2 s") as caught:
        await _read(pool, bodies.sound_file())
    assert caught.value.condition is Condition.LIMIT_EXCEEDED
    assert pid not in _children("decoder_process")
    assert _REJECTED == {"time": 1}
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
    assert _REJECTED == {"queue": 2}


def _children(name: str) -> list[int]:
    """Processes of this one whose command line holds `name`."""
    found = []
    for task in Path("/proc/self/task").iterdir():
        for pid in (task / "children").read_text().split():
            if name in Path(f"/proc/{pid}/cmdline").read_text():
                found.append(int(pid))
    return found
