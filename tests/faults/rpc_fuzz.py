"""Damaged, absurd and misordered messages over real gRPC; every status has to be one of the error table's."""

import asyncio
import copy
import random
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import grpc
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from codec.tokens import TokenIdentity
from tests.faults.corpus import messages
from tests.faults.mutations import mutate
from tests.faults.service import Clip

_FINE = (
    grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.RESOURCE_EXHAUSTED,
)  # fmt: skip
_ANSWER_SECONDS = 30.0

_UNSIGNED = (0, 1, 2, 31, 32, 33, 65_535, 65_536, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF)
_WIDE = (*_UNSIGNED, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)
_FLOATS = (0.0, -0.0, 1.0, -1.0, float("nan"), float("inf"), float("-inf"), 1e-45, 3.4e38)
_TEXTS = ("", "tiny", "tiny@", "nope", "\0", "../../etc", "ä" * 300, "x" * 60_000, "stable", "\n\r%\x7f")
_STREAMS = ("StreamEncode", "StreamDecode")

# What the client library says where the server ended a stream before everything of it was sent.
_CLIENTS_OWN = "Internal error from Core"


class RpcFuzzer:
    """Sends damaged messages on one channel, a few calls at once; `problems` as in `HttpFuzzer`.

    `answers` counts the statuses, `sent` the messages.
    """

    def __init__(self, target: str, clip: Clip, identity: TokenIdentity, seed: int = 0) -> None:
        self.answers: Counter[str] = Counter()
        self.problems: list[str] = []
        self.sent = 0
        self._target = target
        self._messages = messages(clip, identity)
        self._seed = seed

    async def run(self, count: int, callers: int = 4) -> None:
        """Send at least so many messages."""
        wanted = self.sent + count
        first = self._seed
        self._seed += callers
        async with grpc.aio.insecure_channel(self._target) as channel:
            await asyncio.gather(*(self._call_until(channel, first + i, wanted) for i in range(callers)))

    async def _call_until(self, channel: grpc.aio.Channel, seed: int, wanted: int) -> None:
        rng = random.Random(seed)
        number = 0
        while self.sent < wanted:
            method = rng.choice(list(self._messages))
            requests = self._requests(method, rng)
            self.sent += len(requests)
            what = f"seed {seed}, number {number}, {method}, {[request[:60] for request in requests][:3]}"
            try:
                self._judge(*await _call(channel, method, requests), what)
            except TimeoutError:
                self.problems.append(f"no end within {_ANSWER_SECONDS:g} s: {what}")
            number += 1

    def _requests(self, method: str, rng: random.Random) -> list[bytes]:
        sound = self._messages[method]
        if method not in _STREAMS:
            return [_damaged(rng.choice(sound), rng)]
        chosen = list(sound)
        if rng.random() < 0.5:
            # Open comes first or nothing else is looked at.
            chosen[1:] = rng.choices(chosen, k=rng.randrange(6))
        else:
            rng.shuffle(chosen)
        victim = rng.randrange(len(chosen))
        return [
            _damaged(message, rng) if i == victim else message.SerializeToString()
            for i, message in enumerate(chosen)
        ]

    def _judge(self, code: grpc.StatusCode, details: str, what: str) -> None:
        self.answers[code.name] += 1
        if details == _CLIENTS_OWN:
            return
        if code not in _FINE or (code is not grpc.StatusCode.OK and not details):
            self.problems.append(f"{code.name} {details[:200]}: {what}")


async def _call(channel: grpc.aio.Channel, method: str, requests: list[bytes]) -> tuple[grpc.StatusCode, str]:
    """Status and details of a call with these messages, read to its end."""
    path = f"/codec.v1.Codec/{method}"
    async with asyncio.timeout(_ANSWER_SECONDS):
        if method not in _STREAMS:
            ask: Any = channel.unary_unary(path)
            unary = ask(requests[0])
            return await unary.code(), await unary.details() or ""

        async def sending() -> AsyncIterator[bytes]:
            for request in requests:
                yield request

        talk: Any = channel.stream_stream(path)
        call = talk(sending())
        try:
            async for _ in call:
                continue
        except grpc.aio.AioRpcError as error:
            return error.code(), error.details() or ""
        return await call.code(), await call.details() or ""


def _damaged(message: Message, rng: random.Random) -> bytes:
    """Bytes that were a message, or a message that says something absurd."""
    if rng.random() < 0.4:
        return mutate(message.SerializeToString(), rng)
    absurd = copy.deepcopy(message)
    for _ in range(rng.choice((1, 1, 2, 3))):
        _say_something_absurd(absurd, rng)
    return absurd.SerializeToString()


def _say_something_absurd(message: Message, rng: random.Random) -> None:
    field: Any = rng.choice(list(message.DESCRIPTOR.fields))
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        value = getattr(message, field.name)
        part = value.add() if field.is_repeated else value
        part.SetInParent()
        if part.DESCRIPTOR.fields:
            _say_something_absurd(part, rng)
        return
    if rng.random() < 0.1:
        message.ClearField(field.name)
        return
    value = _absurd_value(field, rng, getattr(message, field.name))
    if field.is_repeated:
        getattr(message, field.name).extend([value] * rng.choice((1, 2, 1000)))
    else:
        setattr(message, field.name, value)


def _absurd_value(field: FieldDescriptor, rng: random.Random, present: Any) -> Any:
    if field.type == FieldDescriptor.TYPE_BYTES:
        return mutate(present, rng)
    if field.type == FieldDescriptor.TYPE_STRING:
        return rng.choice(_TEXTS)
    if field.type in (FieldDescriptor.TYPE_FLOAT, FieldDescriptor.TYPE_DOUBLE):
        return rng.choice(_FLOATS)
    if field.type == FieldDescriptor.TYPE_UINT64:
        return rng.choice(_WIDE)
    if field.type == FieldDescriptor.TYPE_ENUM:
        return rng.choice((0, 1, 2, 3, 0x7FFF_FFFF, -1))
    return bool(rng.randrange(2)) if field.type == FieldDescriptor.TYPE_BOOL else rng.choice(_UNSIGNED)
