"""POSTs in a process of their own, closed or open loop: what came back, how often, and how long it took.

Run as `python -m tests.load.posts FOLDER` by `PostLoad`. Closed loop: so many callers, each with one request
in flight. Open loop: requests are due at random times (Poisson) at a fixed rate, whatever the service does,
and latency counts from when a request was due; when `max_in_flight` of them wait, further ones are given up
and counted, for a load must be bounded.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import uvloop

from tests.bench.http_client import HttpClient, HttpClosedError, post_request
from tests.bench.live_client import no_garbage_collection
from tests.load.lateness import Seconds
from tests.support import REPOSITORY_ROOT

_PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class PostJob:
    """`clients`: of a closed loop; with 0 it is an open loop of `per_second`. Answers count that come in
    `seconds` after the first `warm_up_seconds`. `bulk`: the requests say that they can wait."""

    port: int
    path: str
    seconds: float
    clients: int = 0
    per_second: float = 0.0
    warm_up_seconds: float = 1.0
    max_in_flight: int = 2000
    bulk: bool = False


@dataclass(frozen=True, slots=True)
class Posted:
    """The answers that came in the counted time, `seconds`.

    Of each: `status` (0: the connection failed), `taken` seconds since it was due, `body` and `request`:
    which of `bodies` came back for which request, `retry_after`: whether the header was there. `late`:
    seconds by which the generator sent requests of an open loop too late; `given_up`: how many it did not
    send.
    """

    seconds: float
    status: list[int]
    taken: list[float]
    body: list[int]
    request: list[int]
    retry_after: list[bool]
    late: list[float]
    given_up: int
    cores: float
    bodies: tuple[bytes, ...]

    def times(self, answered: Callable[[int], bool]) -> Seconds:
        """Of answers whose status is as asked for."""
        pairs = zip(self.status, self.taken, strict=True)
        return np.array([taken for status, taken in pairs if answered(status)])

    def rate(self, wanted: int = 200) -> float:
        """Answers of a status a second."""
        return sum(status == wanted for status in self.status) / self.seconds

    def wrong(self, is_right: Callable[[int, bytes], bool]) -> int:
        """How many good answers are wrong; `is_right` is asked once for each request and body."""
        triples = zip(self.status, self.request, self.body, strict=True)
        pairs = [(request, body) for status, request, body in triples if status == 200]
        right = {pair: is_right(pair[0], self.bodies[pair[1]]) for pair in set(pairs)}
        return sum(not right[pair] for pair in pairs)


@dataclass(slots=True)
class _Log:
    """What the process notes; the fields of `Posted`."""

    status: list[int] = field(default_factory=list)
    taken: list[float] = field(default_factory=list)
    body: list[int] = field(default_factory=list)
    request: list[int] = field(default_factory=list)
    retry_after: list[bool] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    given_up: int = 0


class Poster:
    """Sends what a job says."""

    def __init__(self, job: PostJob, bodies: list[bytes]) -> None:
        self._job = job
        self._log = _Log()
        self._seen: dict[bytes, int] = {}
        headers = ("X-Priority: bulk",) if job.bulk else ()
        self._requests = [post_request(job.path, body, *headers) for body in bodies]
        self._counted_from = self._counted_until = 0.0
        self._idle: list[HttpClient] = []
        self._in_flight = 0

    async def run(self) -> Posted:
        """All of it."""
        own, began = time.process_time(), time.monotonic()
        self._counted_from = began + self._job.warm_up_seconds
        end = self._counted_until = self._counted_from + self._job.seconds
        with no_garbage_collection():
            async with asyncio.timeout(end - began + _PATIENCE_SECONDS):
                await (self._closed(end) if self._job.clients else self._open(began, end))
        cores = (time.process_time() - own) / (time.monotonic() - began)
        facts = asdict(self._log)
        return Posted(**facts, seconds=self._job.seconds, cores=cores, bodies=tuple(self._seen))

    async def _closed(self, end: float) -> None:
        async def caller(number: int) -> None:
            while time.monotonic() < end:
                await self._send(number, time.monotonic())
                number += 1

        await asyncio.gather(*(caller(number) for number in range(self._job.clients)))

    async def _open(self, began: float, end: float) -> None:
        rng = np.random.default_rng(0)
        due, number = began, 0
        async with asyncio.TaskGroup() as tasks:
            while (due := due + rng.exponential(1 / self._job.per_second)) < end:
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                is_counted = due >= self._counted_from
                if is_counted:
                    self._log.late.append(time.monotonic() - due)
                if self._in_flight < self._job.max_in_flight:
                    tasks.create_task(self._send(number, due))
                elif is_counted:
                    self._log.given_up += 1
                number += 1

    async def _send(self, number: int, due: float) -> None:
        request = number % len(self._requests)
        client = self._idle.pop() if self._idle else HttpClient(self._job.port)
        self._in_flight += 1
        try:
            answer = await client.send(self._requests[request])
            found = (answer.status, answer.body, "retry-after" in answer.headers)
        except (HttpClosedError, OSError) as error:
            found = (0, repr(error).encode(), False)
        self._in_flight -= 1
        self._idle.append(client)
        now = time.monotonic()
        if self._counted_from <= now < self._counted_until:
            self._log.status.append(found[0])
            self._log.taken.append(now - due)
            self._log.body.append(self._seen.setdefault(found[1], len(self._seen)))
            self._log.request.append(request)
            self._log.retry_after.append(found[2])


class PostLoad:
    """The process, at work; a context manager that leaves nothing behind."""

    def __init__(self, job: PostJob, bodies: list[bytes]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="codecd-load-")
        self._root = Path(self._folder.name)
        for number, body in enumerate(bodies):
            (self._root / f"body{number}").write_bytes(body)
        (self._root / "job.json").write_text(json.dumps({"job": asdict(job), "bodies": len(bodies)}))
        self._limit = job.seconds + job.warm_up_seconds + 2 * _PATIENCE_SECONDS

    def __enter__(self) -> "PostLoad":
        command = [sys.executable, "-m", "tests.load.posts", str(self._root)]
        self._process = subprocess.Popen(command, cwd=REPOSITORY_ROOT)
        return self

    def __exit__(self, *error: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._folder.cleanup()

    def result(self) -> Posted:
        """Wait for the end. Raises `RuntimeError` if the process failed."""
        if self._process.wait(self._limit):
            raise RuntimeError("the process that sends requests failed; see its error above")
        facts = json.loads((self._root / "posted.json").read_text())
        count = facts.pop("bodies")
        bodies = tuple((self._root / f"answer{number}").read_bytes() for number in range(count))
        return Posted(**facts, bodies=bodies)


def main() -> None:
    """Do the job of the folder."""
    root = Path(sys.argv[1])
    facts = json.loads((root / "job.json").read_text())
    bodies = [(root / f"body{number}").read_bytes() for number in range(facts["bodies"])]
    posted = uvloop.run(Poster(PostJob(**facts["job"]), bodies).run())
    for number, body in enumerate(posted.bodies):
        (root / f"answer{number}").write_bytes(body)
    (root / "posted.json").write_text(json.dumps({**_facts(posted), "bodies": len(posted.bodies)}))


def _facts(posted: Posted) -> dict[str, object]:
    names = ("seconds", "status", "taken", "body", "request", "retry_after", "late", "given_up", "cores")
    return {name: getattr(posted, name) for name in names}


if __name__ == "__main__":
    main()
