"""Damaged bodies and requests over real HTTP; every answer has to be one of the error table's."""

import asyncio
import json
import random
from collections import Counter

from codec.tokens import TokenIdentity
from service.status import ANSWERS, Condition
from tests.bench.http_client import HttpAnswer, HttpClient, HttpClosedError
from tests.faults.corpus import Body, bodies
from tests.faults.mutations import mutate
from tests.faults.service import Clip

HIS_FAULT = (
    Condition.INVALID_ARGUMENT, Condition.UNSUPPORTED_MEDIA, Condition.LIMIT_EXCEEDED, Condition.NOT_FOUND,
    Condition.TOKEN_SPACE_MISMATCH,
)  # fmt: skip
"""What a caller may be told of a request that is his own fault."""

_STATUS = {condition.name.lower(): ANSWERS[condition].http_status for condition in HIS_FAULT}
_ANSWER_SECONDS = 30.0

_QUERIES = (
    "n_q=0", "n_q=33", "n_q=-1", "n_q=1e9", "n_q=99999999999999999999", "bitrate_bps=0", "bitrate_bps=1",
    "n_q=8&n_q=8", "model=", "model=%00", "model=@", "model=tiny@", "model=tiny@stable", "x=1", "&&&", "=",
    "format=%F0%9F%92%A9", "n_q=%D9%A3", "model=tiny@1-000000000000", "model=" + "x" * 3000, "%",
    "n_q=8;format=json",
)  # fmt: skip
_HEADERS = (
    "X-Request-Timeout-Ms: 0", "X-Request-Timeout-Ms: -1", "X-Request-Timeout-Ms: 99999999999999999999",
    "X-Request-Timeout-Ms: ten", "Content-Type: audio/L16", "Content-Type: audio/L16;rate=0;channels=0",
    "Content-Type: audio/L16;rate=999999;channels=999999", "Content-Type: audio/L16;rate=-1",
    "Content-Type: ;;;", "Content-Type: audio/L16;rate=16000;channels=0", "X-Request-Id: " + "y" * 2000,
    "Content-Type: audio/L16;rate=1\xb2000", "Accept: nonsense", "Content-Encoding: gzip",
)  # fmt: skip


class HttpFuzzer:
    """Sends damaged requests on a few connections at once; `problems` holds what must not have happened.

    `answers` counts what came: `200`, or the name of the condition.
    """

    def __init__(self, port: int, clip: Clip, identity: TokenIdentity, seed: int = 0) -> None:
        self.answers: Counter[str] = Counter()
        self.problems: list[str] = []
        self.sent = 0
        self._port = port
        self._bodies = bodies(clip, identity)
        self._seed = seed

    async def run(self, count: int, connections: int = 4) -> None:
        """Send so many requests."""
        share, rest = divmod(count, connections)
        shares = [share + (number < rest) for number in range(connections)]
        first = self._seed
        self._seed += connections
        await asyncio.gather(*(self._talk(first + i, number) for i, number in enumerate(shares)))

    async def _talk(self, seed: int, count: int) -> None:
        client = HttpClient(self._port)
        rng = random.Random(seed)
        for number in range(count):
            body = rng.choice(self._bodies)
            request = self._request(body, rng)
            self.sent += 1
            what = f"seed {seed}, number {number}, {request[:100]!r}"
            try:
                async with asyncio.timeout(_ANSWER_SECONDS):
                    self._judge(await client.send(request), what)
            except TimeoutError:
                self.problems.append(f"no answer within {_ANSWER_SECONDS:g} s: {what}")
                client.close()
            except (HttpClosedError, ConnectionError) as error:
                self.problems.append(f"{error!r}: {what}")
                client.close()
        client.close()

    def _request(self, body: Body, rng: random.Random) -> bytes:
        content, target = body.content, body.target
        headers = [f"Content-Type: {body.content_type}"] if body.content_type else []
        kind = rng.random()
        if kind < 0.85:
            content = mutate(content, rng)
        elif kind < 0.92:
            target = f"{target.partition('?')[0]}?{rng.choice(_QUERIES)}"
        else:
            headers = [rng.choice(_HEADERS)]
        lines = [f"POST {target} HTTP/1.1", "Host: localhost", f"Content-Length: {len(content)}", *headers]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + content

    def _judge(self, answer: HttpAnswer, what: str) -> None:
        if answer.status == 200:
            self.answers["200"] += 1
            return
        try:
            error = json.loads(answer.body)["error"]
            code, message = error["code"], error["message"]
        except (ValueError, KeyError, TypeError):
            self.problems.append(f"{answer.status} {answer.body[:200]!r}: {what}")
            return
        self.answers[code] += 1
        if _STATUS.get(code) != answer.status or not message:
            self.problems.append(f"{answer.status} {code} {message[:200]}: {what}")
