"""Thousands of calls that their callers give up at random moments: everything they held comes back."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable

import grpc
import httpx
import pytest

from proto.codec.v1 import codec_pb2 as pb
from proto.codec.v1 import codec_pb2_grpc
from tests.faults.checks import check_all
from tests.faults.fuzz import Held
from tests.faults.service import FaultyService

_TOGETHER = 24
_LONGEST_SECONDS = 0.08
_GROWTH_MB = 40.0


class Storm:
    """Begins calls of every kind and cancels each after a random time."""

    def __init__(self, service: FaultyService, http: httpx.AsyncClient, channel: grpc.aio.Channel) -> None:
        self.cancelled = 0
        self.random = random.Random(0)
        self._clip = service.clips[2]
        self._http = http
        self._stub = codec_pb2_grpc.CodecStub(channel)
        self._kinds: tuple[Callable[[], Awaitable[object]], ...] = (
            lambda: http.post("/encode?n_q=8", content=self._clip.wav),
            lambda: http.post("/decode", content=self._clip.cdc),
            lambda: http.post("/reconstruct", content=self._clip.wav),
            self._encode,
            self._stream,
            self._stream,
        )

    async def run(self, count: int, files: int) -> None:
        """So many calls, and so many more whose audio a confined process has to decode."""
        calls = [self.random.choice(self._kinds) for _ in range(count)]
        calls += [lambda: self._http.post("/encode", content=self._clip.flac)] * files
        gate = asyncio.Semaphore(_TOGETHER)
        await asyncio.gather(*(self._begin_and_cancel(call, gate) for call in calls))

    async def _begin_and_cancel(self, call: Callable[[], Awaitable[object]], gate: asyncio.Semaphore) -> None:
        async with gate:
            task = asyncio.ensure_future(call())
            await asyncio.wait({task}, timeout=self.random.uniform(0, _LONGEST_SECONDS))
            self.cancelled += not task.done()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _encode(self) -> object:
        return await self._stub.Encode(pb.EncodeRequest(rate=pb.Rate(n_q=8), file=self._clip.wav))

    async def _stream(self) -> object:
        call = self._stub.StreamEncode(self._requests())
        return [response async for response in call]

    async def _requests(self) -> AsyncIterator[pb.StreamEncodeRequest]:
        yield pb.StreamEncodeRequest(open=pb.OpenEncode(rate=pb.Rate(n_q=8)))
        for _ in range(50):
            yield pb.StreamEncodeRequest(audio=pb.AudioChunk(samples=bytes(2560)))
            await asyncio.sleep(0.005)


async def storm(service: FaultyService, count: int, files: int) -> int:
    """Run one; the number of calls that were under way when they were cancelled."""
    async with (
        httpx.AsyncClient(base_url=service.base_url, timeout=20.0) as http,
        grpc.aio.insecure_channel(service.grpc_target) as channel,
    ):
        running = Storm(service, http, channel)
        await running.run(count, files)
        return running.cancelled


@pytest.mark.parametrize(
    ("count", "files"),
    [
        pytest.param(400, 4, marks=pytest.mark.timeout(300)),
        pytest.param(8000, 100, marks=[pytest.mark.slow, pytest.mark.timeout(900)]),
    ],
)
def test_a_storm_of_cancelled_calls_leaves_nothing_behind(
    count: int, files: int, tiny_service: FaultyService
) -> None:
    asyncio.run(storm(tiny_service, 100, 2))
    tiny_service.wait(tiny_service.idle, "that nothing is held any more")
    check_all(tiny_service)
    before = Held.by(tiny_service)
    assert asyncio.run(storm(tiny_service, count, files)) > count / 4
    tiny_service.wait(tiny_service.idle, "that nothing is held any more")
    check_all(tiny_service)
    tiny_service.wait(lambda: Held.by(tiny_service).descriptors <= before.descriptors + 4, "the descriptors")
    after = Held.by(tiny_service)
    assert after.frontend_mb - before.frontend_mb < _GROWTH_MB
    assert after.worker_mb - before.worker_mb < _GROWTH_MB
    assert tiny_service.metric("codec_slot_generation_mismatch_total") == 0
