"""Callers who change their minds: requests and streams that are dropped at a random moment."""

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field

import grpc

from proto.codec.v1 import codec_pb2 as pb
from proto.codec.v1 import codec_pb2_grpc
from tests.bench.http_client import HttpClient
from tests.bench.live_client import StreamRun, channels, play
from tests.bench.mixed_load import Kind, Material
from tests.bench.running_service import RunningService

_PATIENCE_SECONDS = {"REST encode": 0.1, "gRPC encode": 0.1, "live encode": 2.0}
"""At most; a live stream needs a while to be under way."""


@dataclass(slots=True)
class Cancels:
    """Drops calls, one after the other, until `stop` is set; `dropped`: how many of which kind."""

    service: RunningService
    material: Material
    stop: asyncio.Event
    period_seconds: float = 0.2
    dropped: Counter[str] = field(default_factory=Counter)

    async def run(self) -> None:
        """Every period one call, of each kind in turn."""
        rng = random.Random(0)
        async with channels(self.service.grpc_target, 1) as opened:
            while not self.stop.is_set():
                for name, call in (
                    ("REST encode", self._rest),
                    ("gRPC encode", self._grpc),
                    ("live encode", self._live),
                ):
                    task = asyncio.create_task(call(opened[0]))
                    await self._drop(name, task, rng.random() * _PATIENCE_SECONDS[name])
                    await asyncio.sleep(self.period_seconds)

    async def _drop(self, name: str, call: "asyncio.Task[None]", patience_seconds: float) -> None:
        """Let a call run for a moment and cancel it; that it may have failed by then is not judged here."""
        await asyncio.wait([call], timeout=patience_seconds)
        self.dropped[name if not call.done() else f"{name}, ended before that"] += 1
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)

    async def _rest(self, _: grpc.aio.Channel) -> None:
        client = HttpClient(self.service.http_port)
        try:
            await client.send(self.material.requests[Kind.REST_ENCODE][0])
        finally:
            client.close()

    async def _grpc(self, channel: grpc.aio.Channel) -> None:
        wav = self.material.requests[Kind.GRPC_ENCODE][0]
        request = pb.EncodeRequest(file=wav, rate=pb.Rate(n_q=self.material.n_q))
        await codec_pb2_grpc.CodecStub(channel).Encode(request)

    async def _live(self, channel: grpc.aio.Channel) -> None:
        await play(channel, self.material.plans[Kind.LIVE_ENCODE][0], time.monotonic(), StreamRun())
