"""A live gRPC stream that is paced by a clock of its own, as a microphone paces a call.

Messages are due at fixed times whatever the service does, and latency counts from those times: a service
that stalls is charged for every message that was due meanwhile (no coordinated omission).
"""

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import grpc
import numpy as np
from numpy.typing import NDArray

from proto.codec.v1 import codec_pb2 as pb
from proto.codec.v1 import codec_pb2_grpc

STREAMS_PER_CHANNEL = 20
"""Few enough that no connection reaches the limit of streams and none queues in the client."""

_CLOSING_SECONDS = 30.0
_STATUS_SECONDS = 1.0
_LOST_STATUS = "Internal error from Core"

PcmArray = NDArray[np.int16]
Codes = NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """What a client sends: `messages[i]` is due i periods after the start.

    `outputs_due[i]`: frames or samples that must have come back once message i was taken in.
    """

    is_encode: bool
    open_request: Any
    messages: list[Any]
    inputs: list[int]
    outputs_due: list[int]
    period_seconds: float


@dataclass(slots=True)
class StreamRun:
    """What happened. Times are those of `time.monotonic`, in seconds.

    `due`, `late`: when messages were due, and by how much the generator itself missed that; `arrivals`:
    when output came, and how much of it there was by then; `output`: codes or samples, as bytes;
    `opened`: when Opened came, 0 if never.
    """

    due: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    arrivals: list[tuple[float, int]] = field(default_factory=list)
    output: bytearray = field(default_factory=bytearray)
    version: str = ""
    inputs: int = 0
    ended: float = 0.0
    outcome: "StreamOutcome" = field(default_factory=lambda: StreamOutcome())
    opened: float = field(default=0.0, init=False)


@dataclass(frozen=True, slots=True)
class StreamOutcome:
    """`status` is None for a stream that ended with its Summary; `told_to_go`: GoAway came; `retry_ms`:
    after how long a refused caller was told to come again, -1 if nobody said so."""

    status: grpc.StatusCode | None = None
    detail: str = ""
    told_to_go: bool = False
    retry_ms: int = -1


def encode_plan(pcm: PcmArray, n_q: int, hop_samples: int, message_seconds: float, rate: int) -> StreamPlan:
    """A stream of 16-bit samples; every message that completes frames is answered with their codes."""
    step = round(message_seconds * rate)
    pieces = [pcm[at : at + step] for at in range(0, len(pcm), step)]
    messages = [
        pb.StreamEncodeRequest(audio=pb.AudioChunk(samples=p.astype("<i2").tobytes())) for p in pieces
    ]
    inputs = [len(piece) for piece in pieces]
    due = [int(total) // hop_samples for total in np.cumsum(inputs)]
    opening = pb.OpenEncode(rate=pb.Rate(n_q=n_q), format=pb.PCM_FORMAT_S16LE)
    return StreamPlan(True, pb.StreamEncodeRequest(open=opening), messages, inputs, due, message_seconds)


def decode_plan(codes: Codes, hop_samples: int, delay_samples: int, frames: int, identity: Any) -> StreamPlan:
    """A stream of codes `[codebook, frame]`, so many frames a message; float samples come back.

    `identity`: (token space, sample rate).
    """
    token_space, rate = identity
    pieces = [codes[:, at : at + frames] for at in range(0, codes.shape[1], frames)]
    messages = [
        pb.StreamDecodeRequest(tokens=pb.Tokens(n_q=len(codes), codes=piece.T.astype("<u2").tobytes()))
        for piece in pieces
    ]
    inputs = [piece.shape[1] for piece in pieces]
    due = [max(0, int(total) * hop_samples - delay_samples) for total in np.cumsum(inputs)]
    opening = pb.OpenDecode(token_space=token_space, format=pb.PCM_FORMAT_F32LE)
    period = frames * hop_samples / rate
    return StreamPlan(False, pb.StreamDecodeRequest(open=opening), messages, inputs, due, period)


async def play(channel: grpc.aio.Channel, plan: StreamPlan, start: float, run: StreamRun) -> StreamRun:
    """Open a stream at once, send from `start` on, and fill `run` with what happens.

    A client of good manners: it sends nothing before Opened has come, and when told to go away it sends no
    more and waits for the rest of its output.
    """
    stub = codec_pb2_grpc.CodecStub(channel)
    call: Any = stub.StreamEncode() if plan.is_encode else stub.StreamDecode()
    told: list[StreamOutcome] = []
    call.add_done_callback(partial(_note_status, told))
    opened, going = asyncio.Event(), asyncio.Event()
    reading = asyncio.create_task(_read(call, plan, run, opened, going))
    try:
        await call.write(plan.open_request)
        await opened.wait()
        if not reading.done():
            await _send(call, plan, start, run, going)
            await call.done_writing()
        await asyncio.wait_for(reading, _CLOSING_SECONDS)
        run.outcome = StreamOutcome(told_to_go=going.is_set())
    except (asyncio.InvalidStateError, grpc.aio.AioRpcError) as error:
        last = await _status(error, reading, told)
        run.outcome = replace(last, told_to_go=going.is_set())
    except TimeoutError:
        run.outcome = StreamOutcome(grpc.StatusCode.UNKNOWN, "the stream does not end", going.is_set())
    finally:
        run.ended = time.monotonic()
        call.cancel()
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    return run


async def _status(error: Exception, reading: asyncio.Task[None], told: list[StreamOutcome]) -> StreamOutcome:
    """What the server said when it ended the call.

    A write that is under way when the call ends makes grpc.aio replace the status, whatever it was, with
    one of its own (grpc/grpc#36066); `told` has them all.
    """
    await asyncio.wait([reading], timeout=_STATUS_SECONDS)
    of_server = [status for status in told if status.detail != _LOST_STATUS]
    if of_server or told:
        return (of_server or told)[0]
    return StreamOutcome(grpc.StatusCode.UNKNOWN, f"no status; {error!r}")


def _note_status(told: list[StreamOutcome], call: Any) -> None:
    """Called whenever the status of a call is set. Its coroutines then have nothing to wait for."""
    values: list[Any] = []
    for coroutine in (call.code(), call.details(), call.trailing_metadata()):
        try:
            coroutine.send(None)
        except StopIteration as result:
            values.append(result.value)
    status, detail, trailing = values
    retry_ms = dict(trailing or ()).get("grpc-retry-pushback-ms", -1)
    told.append(StreamOutcome(status, detail or "", retry_ms=int(retry_ms)))


async def _send(call: Any, plan: StreamPlan, start: float, run: StreamRun, going: asyncio.Event) -> None:
    # Nor is a stream whose Opened came late the generator's fault.
    free = max(start, time.monotonic())
    for number, (message, size) in enumerate(zip(plan.messages, plan.inputs, strict=True)):
        due = start + number * plan.period_seconds
        if (wait := due - time.monotonic()) > 0:
            await asyncio.sleep(wait)
        if going.is_set():
            return
        # A write that the service held up makes the next one late; that is the service's lateness.
        run.late.append(time.monotonic() - max(due, free))
        run.due.append(due)
        run.inputs += size
        await call.write(message)
        free = time.monotonic()


async def _read(
    call: Any, plan: StreamPlan, run: StreamRun, opened: asyncio.Event, going: asyncio.Event
) -> None:
    try:
        await _take(call, plan, run, opened, going)
    finally:
        opened.set()


async def _take(
    call: Any, plan: StreamPlan, run: StreamRun, opened: asyncio.Event, going: asyncio.Event
) -> None:
    total = 0
    async for response in call:
        which = response.WhichOneof("message")
        if which in ("tokens", "audio"):
            payload = response.tokens.codes if plan.is_encode else response.audio.samples
            item = 2 * response.tokens.n_q if plan.is_encode else 4
            total += len(payload) // item
            run.arrivals.append((time.monotonic(), total))
            run.output.extend(payload)
        elif which == "opened":
            run.version = response.opened.identity.version
            run.opened = time.monotonic()
            opened.set()
        elif which == "go_away":
            going.set()


def latencies(run: StreamRun, plan: StreamPlan, since: float, until: float) -> list[float]:
    """Seconds from when each message was due to when all output that it completed had come.

    Of messages due between the two times; a message whose output never came is infinitely late.
    """
    result, at = [], 0
    before = 0
    for due, outputs in zip(run.due, plan.outputs_due, strict=False):
        while at < len(run.arrivals) and run.arrivals[at][1] < outputs:
            at += 1
        if since <= due <= until and outputs > before:
            result.append(run.arrivals[at][0] - due if at < len(run.arrivals) else float("inf"))
        before = outputs
    return result


@asynccontextmanager
async def channels(target: str, streams: int) -> AsyncIterator[list[grpc.aio.Channel]]:
    """Connections for so many streams, each of its own."""
    count = -(-streams // STREAMS_PER_CHANNEL)
    options = [("grpc.use_local_subchannel_pool", 1)]
    opened = [grpc.aio.insecure_channel(target, options) for _ in range(count)]
    try:
        yield opened
    finally:
        for channel in opened:
            await channel.close()


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """The generator must not pause for reasons of its own."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()
