"""Live streams of the Python client that go on where they were lost, paced like calls and checked in full."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Self

import grpc
import numpy as np

from codec.tokens import Codes
from proto.codec.v1 import codec_pb2_grpc
from service.client import ClientError, Selection
from service.client.aio_stream import converse
from service.client.talks import DecodeTalk, EncodeTalk
from tests.bench.mixed_load import Kind
from tests.bench.offline import Offline, largest_difference, mismatches
from tests.bench.speech import RATE, Pcm, Signal

COLUMNS = (
    "client's streams", "number", "opened again", "refused at first", "lost", "codes or samples wrong",
    "longest silence s",
)  # fmt: skip

_MESSAGE_SECONDS = 0.08
_MESSAGE_FRAMES = 4
_RESUME_SECONDS = 60.0
_PAUSE_SECONDS = 0.5
_SAMPLE_TOLERANCE = 1e-4


@dataclass(slots=True)
class ResumedStream:
    """`found`: codes or samples that came; `openings`: streams that it took; `silence_seconds`: longest wait
    for the next piece of output; `is_wrong`: what came is not what the model gives offline; `error`: the
    client gave up."""

    kind: Kind
    clip: int
    found: Any = None
    has_begun: bool = False
    openings: int = 0
    silence_seconds: float = 0.0
    is_wrong: bool = False
    error: str = ""

    @property
    def is_refused(self) -> bool:
        """Whether it never began."""
        return bool(self.error) and not self.has_begun

    @property
    def is_lost(self) -> bool:
        """Whether it began, and could not go on."""
        return bool(self.error) and self.has_begun


@dataclass(slots=True)
class ResumingLoad:
    """So many callers for each direction, who speak `clips` one after the other until `stop` is set."""

    target: str
    token_space: str
    clips: list[Pcm]
    codes: list[Codes]
    samples: list[Signal]
    callers: int = 1
    streams: list[ResumedStream] = field(default_factory=list)
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def make(cls, target: str, offline: Offline, clips: list[Pcm], n_q: int) -> Self:
        """What is to come back is what the model gives offline."""
        codes = [offline.codes(clip, n_q) for clip in clips]
        return cls(
            target, offline.loaded.identity.token_space, clips, codes, [offline.samples(c) for c in codes]
        )

    async def run(self) -> None:
        """Call until `stop` is set; what happened is in `streams`."""
        async with grpc.aio.insecure_channel(self.target) as channel:
            stub = codec_pb2_grpc.CodecStub(channel)
            kinds = [kind for kind in (Kind.LIVE_ENCODE, Kind.LIVE_DECODE) for _ in range(self.callers)]
            await asyncio.gather(*(self._repeat(kind, stub) for kind in kinds))

    def rows(self) -> list[list[object]]:
        """A line for each direction."""
        for stream in self.streams:
            stream.is_wrong = not stream.error and self._is_wrong(stream)
        return [_row(kind, self.streams) for kind in (Kind.LIVE_ENCODE, Kind.LIVE_DECODE)]

    def told(self) -> list[list[object]]:
        """What made the client give up, and how often."""
        found = Counter((stream.kind.value, stream.error) for stream in self.streams if stream.error)
        return [[kind, "client gave up", error, number] for (kind, error), number in sorted(found.items())]

    def _is_wrong(self, stream: ResumedStream) -> bool:
        if stream.kind is Kind.LIVE_ENCODE:
            return mismatches(stream.found, self.codes[stream.clip]) > 0
        return largest_difference(stream.found, self.samples[stream.clip]) > _SAMPLE_TOLERANCE

    async def _repeat(self, kind: Kind, stub: Any) -> None:
        number = 0
        while not self.stop.is_set():
            stream = ResumedStream(kind, number % len(self.clips))
            number += 1
            try:
                call = self._encode if kind is Kind.LIVE_ENCODE else self._decode
                stream.found = await call(stream, stub)
            except ClientError as error:
                stream.error = str(error)
                await asyncio.sleep(_PAUSE_SECONDS)
            self.streams.append(stream)

    async def _encode(self, stream: ResumedStream, stub: Any) -> Codes:
        clip, step = self.clips[stream.clip], round(_MESSAGE_SECONDS * RATE)
        pieces = [clip[at : at + step].astype("<i2").tobytes() for at in range(0, len(clip), step)]
        talk = EncodeTalk(Selection(n_q=len(self.codes[stream.clip])))
        chunks = await _converse(stream, talk, pieces, stub.StreamEncode)
        return np.concatenate([chunk.codes for chunk in chunks], axis=1)

    async def _decode(self, stream: ResumedStream, stub: Any) -> Signal:
        codes = self.codes[stream.clip]
        pieces = [codes[:, at : at + _MESSAGE_FRAMES] for at in range(0, codes.shape[1], _MESSAGE_FRAMES)]
        talk = DecodeTalk(self.token_space, None)
        chunks = await _converse(stream, talk, pieces, stub.StreamDecode)
        return np.concatenate([chunk.samples for chunk in chunks])


async def _converse(stream: ResumedStream, talk: Any, pieces: list[Any], method: Any) -> list[Any]:
    def opened(requests: Any) -> Any:
        stream.openings += 1
        return method(requests)

    chunks, heard_at = [], time.monotonic()
    async for chunk in converse(talk, _paced(pieces), opened, _RESUME_SECONDS):
        now = time.monotonic()
        stream.silence_seconds = max(stream.silence_seconds, now - heard_at)
        heard_at, stream.has_begun = now, True
        chunks.append(chunk)
    return chunks


async def _paced(pieces: list[Any]) -> AsyncIterator[Any]:
    start = time.monotonic()
    for number, piece in enumerate(pieces):
        await asyncio.sleep(max(0.0, start + number * _MESSAGE_SECONDS - time.monotonic()))
        yield piece


def _row(kind: Kind, streams: list[ResumedStream]) -> list[object]:
    mine = [stream for stream in streams if stream.kind is kind]
    silence = max((stream.silence_seconds for stream in mine), default=0.0)
    return [
        kind.value, len(mine), sum(max(0, stream.openings - 1) for stream in mine),
        sum(stream.is_refused for stream in mine), sum(stream.is_lost for stream in mine),
        sum(stream.is_wrong for stream in mine), f"{silence:.2f}",
    ]  # fmt: skip
