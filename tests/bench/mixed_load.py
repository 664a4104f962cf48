"""Several callers of every kind at once: REST encode, decode and reconstruct, gRPC calls, live streams.

Every caller has a clock of its own; latency counts from when a call was due. Everything that comes back is
kept and judged afterwards (`tests.bench.verdicts`), so that judging costs the load nothing.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

import grpc
import numpy as np

from codec.audio import encode_audio
from proto.codec.v1 import codec_pb2 as pb
from proto.codec.v1 import codec_pb2_grpc
from tests.bench.http_client import HttpClient, HttpClosedError, post_request
from tests.bench.live_client import StreamPlan, StreamRun, channels, decode_plan, encode_plan, latencies, play
from tests.bench.offline import Offline
from tests.bench.speech import RATE, Pcm, as_float, clips

_TIMEOUT_SECONDS = 60.0
_MESSAGE_SECONDS = 0.08
_MESSAGE_FRAMES = 4
_REFUSALS = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)


class Kind(StrEnum):
    """What a caller does."""

    REST_ENCODE = "REST encode"
    REST_DECODE = "REST decode"
    REST_RECONSTRUCT = "REST reconstruct"
    GRPC_ENCODE = "gRPC encode"
    LIVE_ENCODE = "live encode"
    LIVE_DECODE = "live decode"


CALLERS: dict[Kind, int] = {
    Kind.REST_ENCODE: 3,
    Kind.REST_DECODE: 2,
    Kind.REST_RECONSTRUCT: 1,
    Kind.GRPC_ENCODE: 1,
    Kind.LIVE_ENCODE: 4,
    Kind.LIVE_DECODE: 2,
}


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One call. `payload`: what came back; `inputs`: samples or frames that a stream sent; `error`: why
    there is no answer; `refused`: the caller was told to come again; `latencies`: seconds since due."""

    kind: Kind
    clip: int
    began: float
    ended: float
    version: str = ""
    payload: bytes = b""
    inputs: int = 0
    error: str = ""
    refused: bool = False
    latencies: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Material:
    """What callers send: short clips and longer ones for streams, and codes of both by one version."""

    n_q: int
    short: list[Pcm]
    long: list[Pcm]
    requests: dict[Kind, list[bytes]]
    plans: dict[Kind, list[StreamPlan]]

    @classmethod
    def make(cls, offline: Offline, n_q: int, short_seconds: float, long_seconds: float) -> "Material":
        """Codes are those of `offline`; other versions of the same token space decode them too."""
        short, long = clips(4, short_seconds), clips(4, long_seconds)
        config = offline.loaded.codec.config
        hop, delay = config.hop_samples, config.delay_samples
        identity = (offline.loaded.identity.token_space, config.sample_rate)
        wavs = [encode_audio(as_float(pcm)[None], RATE, "wav") for pcm in short]
        cdcs = [offline.cdc(offline.codes(pcm, n_q), len(pcm)) for pcm in short]
        requests = {
            Kind.REST_ENCODE: [post_request(f"/encode?n_q={n_q}", wav) for wav in wavs],
            Kind.REST_DECODE: [post_request("/decode", cdc) for cdc in cdcs],
            Kind.REST_RECONSTRUCT: [post_request(f"/reconstruct?n_q={n_q}", wav) for wav in wavs],
            Kind.GRPC_ENCODE: wavs,
        }
        plans = {
            Kind.LIVE_ENCODE: [encode_plan(pcm, n_q, hop, _MESSAGE_SECONDS, RATE) for pcm in long],
            Kind.LIVE_DECODE: [
                decode_plan(offline.codes(pcm, n_q), hop, delay, _MESSAGE_FRAMES, identity) for pcm in long
            ],
        }
        return cls(n_q, short, long, requests, plans)


class Address(Protocol):
    """Where a service, or what stands in front of it, answers on the loopback address."""

    @property
    def http_port(self) -> int:
        """Of REST."""

    @property
    def grpc_target(self) -> str:
        """Host and port."""


Server = TypeVar("Server", bound=Address)


@dataclass(slots=True)
class MixedLoad(Generic[Server]):
    """The callers. `run` returns once `stop` is set and every call has ended."""

    service: Server
    material: Material
    period_seconds: float = 0.25
    callers: Mapping[Kind, int] = field(default_factory=lambda: CALLERS)
    records: list[CallRecord] = field(default_factory=list)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    _bodies: dict[bytes, bytes] = field(default_factory=dict)
    _clients: list[HttpClient] = field(default_factory=list)

    async def run(self) -> None:
        """Call until `stop` is set; what happened is in `records`."""
        rng = np.random.default_rng(0)
        async with channels(self.service.grpc_target, sum(self.callers.values())) as opened:
            callers = []
            for kind, count in self.callers.items():
                for number in range(count):
                    call = self._caller(kind, opened[0])
                    is_live = kind in self.material.plans
                    period = 0.0 if is_live else self.period_seconds
                    callers.append(self._repeat(call, number, period, rng.uniform(0, self.period_seconds)))
            await asyncio.gather(*callers)
        for client in self._clients:
            client.close()
        # Transports close in the next turn of the loop.
        await asyncio.sleep(0)

    async def _repeat(
        self, call: Callable[[int, float], Awaitable[CallRecord]], number: int, period: float, phase: float
    ) -> None:
        """Call again and again: at fixed times, or, with no period, whenever the last call has ended."""
        due = time.monotonic() + phase
        while not self.stop.is_set():
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            record = await call(number % 4, due)
            self.records.append(record)
            # A caller of streams that was refused comes again a little later.
            pause = self.period_seconds if record.error else 0.0
            due = due + period if period else time.monotonic() + pause
            number += 1

    def _caller(self, kind: Kind, channel: grpc.aio.Channel) -> Callable[[int, float], Awaitable[CallRecord]]:
        if kind in self.material.plans:
            return lambda clip, due: self._live(kind, clip, due, channel)
        if kind is Kind.GRPC_ENCODE:
            return lambda clip, due: self._grpc(clip, due, channel)
        client = HttpClient(self.service.http_port)
        self._clients.append(client)
        return lambda clip, due: self._rest(kind, clip, due, client)

    async def _rest(self, kind: Kind, clip: int, due: float, client: HttpClient) -> CallRecord:
        began = time.monotonic()
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                answer = await client.send(self.material.requests[kind][clip])
        except ConnectionRefusedError:
            return CallRecord(kind, clip, began, time.monotonic(), error="connection refused", refused=True)
        except (HttpClosedError, OSError, TimeoutError) as error:
            client.close()
            return CallRecord(kind, clip, began, time.monotonic(), error=f"{type(error).__name__}: {error}")
        ended = time.monotonic()
        if answer.status != 200:
            refused = answer.status == 503 and "retry-after" in answer.headers
            text = f"HTTP {answer.status} {answer.body[:200].decode(errors='replace')}"
            return CallRecord(kind, clip, began, ended, error=text, refused=refused)
        version = answer.headers.get("x-codec-version", "")
        return CallRecord(
            kind, clip, began, ended, version, self._once(answer.body), latencies=(ended - due,)
        )

    async def _grpc(self, clip: int, due: float, channel: grpc.aio.Channel) -> CallRecord:
        kind = Kind.GRPC_ENCODE
        began = time.monotonic()
        wav = self.material.requests[kind][clip]
        request = pb.EncodeRequest(file=wav, rate=pb.Rate(n_q=self.material.n_q))
        try:
            answer = await codec_pb2_grpc.CodecStub(channel).Encode(request, timeout=_TIMEOUT_SECONDS)
        except grpc.aio.AioRpcError as error:
            text = f"gRPC {error.code().name} {error.details()}"
            refused = error.code() in _REFUSALS
            return CallRecord(kind, clip, began, time.monotonic(), error=text, refused=refused)
        ended = time.monotonic()
        payload = self._once(answer.tokens.codes)
        version = answer.identity.version
        return CallRecord(kind, clip, began, ended, version, payload, latencies=(ended - due,))

    async def _live(self, kind: Kind, clip: int, due: float, channel: grpc.aio.Channel) -> CallRecord:
        plan = self.material.plans[kind][clip]
        run = await play(channel, plan, due, StreamRun())
        status = run.outcome.status
        error = f"gRPC {status.name} {run.outcome.detail}" if status is not None else ""
        taken = tuple(latencies(run, plan, due, float("inf"))) if not error else ()
        # HAProxy 2.6 makes CANCELLED of the refusal of a stream, and leaves the rest of it.
        refused = status in _REFUSALS or run.outcome.retry_ms >= 0
        payload = self._once(bytes(run.output))
        return CallRecord(kind, clip, due, run.ended, run.version, payload, run.inputs, error, refused, taken)

    def _once(self, payload: bytes) -> bytes:
        """Equal answers are kept once: a run brings thousands, of a few versions of a few clips."""
        return self._bodies.setdefault(payload, payload)
