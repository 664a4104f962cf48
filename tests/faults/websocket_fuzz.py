"""Damaged, absurd and misordered messages over real WebSockets; every ending has to be one of the table's."""

import asyncio
import json
import random
from collections import Counter
from typing import Any

import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from codec.tokens import TokenIdentity
from service.frontend.websocket_words import close_code
from service.status import Condition
from tests.faults.http_fuzz import HIS_FAULT
from tests.faults.mutations import mutate
from tests.faults.service import N_Q, Clip

_END_SECONDS = 30.0
_GONE = 0
_NORMAL = 1000
_NOT_UTF8 = 1007
_TOO_BIG = 1009
# A machine that is busy with other things may have no room for a stream.
_CODES = {condition.name.lower(): close_code(condition) for condition in (*HIS_FAULT, Condition.OVERLOADED)}

_ABSURD: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 33, 65_536, 2**31, 2**32, 2**63, 2**64, 1e400, 0.5, "", "tiny@", "\0",
    "x" * 60_000, "ä" * 300, [], {}, [[[[]]]], {"type": "open"},
)  # fmt: skip
_FIELDS = (
    "type", "operation", "model", "n_q", "bitrate_bps", "format", "sample_rate", "token_space", "tokens",
    "first_frame", "prime_messages", "id", "nonsense",
)  # fmt: skip

Words = dict[str, Any]


class WebSocketFuzzer:
    """Talks on a few connections at once, each a stream of its own; `problems` as in `HttpFuzzer`.

    `answers` counts the endings: `OK`, or the name of the condition; `sent` the messages.
    """

    def __init__(self, port: int, clip: Clip, identity: TokenIdentity, seed: int = 0) -> None:
        self.answers: Counter[str] = Counter()
        self.problems: list[str] = []
        self.sent = 0
        self._url = f"ws://127.0.0.1:{port}/stream"
        self._talks = _sound_talks(clip, identity)
        self._seed = seed

    async def run(self, count: int, callers: int = 4) -> None:
        """Send at least so many messages."""
        wanted = self.sent + count
        first = self._seed
        self._seed += callers
        await asyncio.gather(*(self._talk_until(first + number, wanted) for number in range(callers)))

    async def _talk_until(self, seed: int, wanted: int) -> None:
        rng = random.Random(seed)
        number = 0
        while self.sent < wanted:
            messages = _damaged(rng.choice(self._talks), rng)
            self.sent += len(messages)
            what = f"seed {seed}, number {number}, {[message[:80] for message in messages][:3]}"
            try:
                async with asyncio.timeout(_END_SECONDS):
                    self._judge(*await self._talk(messages), any(map(_breaks_protocol, messages)), what)
            except TimeoutError:
                self.problems.append(f"no end within {_END_SECONDS:g} s: {what}")
            number += 1

    async def _talk(self, messages: list[bytes | str]) -> tuple[Words, int]:
        """The last thing that was said as text, and the code of the close."""
        async with connect(self._url, compression=None, max_size=None) as socket:
            sending = asyncio.create_task(_send(socket, messages))
            last: Words = {}
            try:
                while True:
                    message = await socket.recv()
                    if isinstance(message, str):
                        last = json.loads(message)
            except ConnectionClosed as closed:
                return last, closed.rcvd.code if closed.rcvd else _GONE
            finally:
                await sending

    def _judge(self, last: Words, code: int, breaks_protocol: bool, what: str) -> None:
        kind = last.get("type")
        if code == _NORMAL:
            self.answers["OK"] += 1
            fine = kind == "summary"
        elif breaks_protocol and kind != "error":
            # Closed beneath us, before any word of ours; a reset connection may swallow even the close.
            self.answers["PROTOCOL"] += 1
            fine = code in (_GONE, _NOT_UTF8, _TOO_BIG)
        else:
            name = str(last.get("code"))
            self.answers[name.upper()] += 1
            fine = kind == "error" and _CODES.get(name) == code and bool(last.get("message"))
        if not fine:
            self.problems.append(f"{code} after {str(last)[:200]}: {what}")


async def _send(socket: ClientConnection, messages: list[bytes | str]) -> None:
    """Send what the service will take; it may close before the last."""
    try:
        for message in messages:
            if isinstance(message, str):
                # As bytes, so that what is no UTF-8 can be said, too.
                await socket.send(message.encode("utf-8", "surrogateescape"), text=True)
            else:
                await socket.send(message)
    except ConnectionClosed:
        return


def _sound_talks(clip: Clip, identity: TokenIdentity) -> list[list[bytes | Words]]:
    """What good clients say."""
    pcm = np.rint(clip.pcm[:4000] * 32767).astype("<i2").tobytes()
    rest: list[bytes | Words] = [{"type": "flush", "id": 7}, {"type": "keep_alive"}]
    model = f"{identity.model}@{identity.version}"
    encode = {"type": "open", "operation": "encode", "n_q": N_Q, "model": model}
    decode = {"type": "open", "operation": "decode", "n_q": N_Q, "token_space": identity.token_space}
    both = {"type": "open", "operation": "reconstruct", "n_q": N_Q, "tokens": True, "sample_rate": 16_000}
    primed = encode | {"prime_messages": 2, "first_frame": 4}
    return [
        [encode, pcm, {"type": "rate", "n_q": 4}, pcm, *rest],
        [decode, clip.wire, {"type": "rate", "n_q": 4}, clip.wire, *rest],
        [both, pcm, {"type": "rate", "bitrate_bps": 2000}, pcm, *rest],
        [primed, pcm[:1280], pcm[1280:2560], pcm[2560:], *rest],
    ]


def _damaged(sound: list[bytes | Words], rng: random.Random) -> list[bytes | str]:
    """A talk with one message damaged, most of the time, some repeated or out of order; `finish` ends it."""
    chosen = list(sound)
    if rng.random() < 0.5:
        # Open comes first or nothing else is looked at.
        chosen[1:] = rng.choices(chosen, k=rng.randrange(6))
    elif rng.random() < 0.5:
        rng.shuffle(chosen)
    victim = rng.randrange(len(chosen)) if rng.random() < 0.7 else -1
    damaged = [_damage(part, rng) if at == victim else _said(part) for at, part in enumerate(chosen)]
    return [*damaged, json.dumps({"type": "finish"})]


def _damage(part: bytes | Words, rng: random.Random) -> bytes | str:
    if isinstance(part, bytes):
        return mutate(part, rng)
    if rng.random() < 0.4:
        return mutate(_said(part).encode(), rng).decode("utf-8", "surrogateescape")
    absurd = dict(part)
    for _ in range(rng.choice((1, 1, 2))):
        if absurd and rng.random() < 0.2:
            absurd.pop(rng.choice(list(absurd)), None)
        else:
            absurd[rng.choice(_FIELDS)] = rng.choice(_ABSURD)
    return json.dumps(absurd)


def _breaks_protocol(message: bytes | str) -> bool:
    """Whether a text message is no UTF-8."""
    return isinstance(message, str) and any("\ud800" <= character <= "\udfff" for character in message)


def _said(part: Any) -> Any:
    return part if isinstance(part, bytes) else json.dumps(part)
