"""A small load of checked work that goes on while a test does something to the service."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import grpc
import httpx

from tests.faults.checks import WrongAnswerError, check_decode, check_encode, check_stream, code_of
from tests.faults.service import Clip, FaultyService

GOOD = "ok"
# A front end that has just been killed has nobody to speak for it.
GONE = "connection"

_PAUSE_SECONDS = 0.05
_TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """One call: which, how it ended, and when it began and ended (monotonic seconds).

    `verdict`: `ok`, `wrong`, `connection` for a connection that was refused or broken, or the service's own
    name of the condition.
    """

    call: str
    verdict: str
    began: float
    ended: float

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended - self.began


class CheckedLoad:
    """Encodes, decodes and streams known clips without pause; use it as a context manager.

    Everything that came of it is in `outcomes`. Leaving waits for the calls under way.
    """

    def __init__(self, service: FaultyService) -> None:
        self.outcomes: list[Outcome] = []
        self._service = service
        self._stop = threading.Event()
        work = (self._encoding, self._decoding, self._streaming)
        self._threads = [threading.Thread(target=run, daemon=True) for run in work]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(2 * _TIMEOUT_SECONDS)
        assert not any(thread.is_alive() for thread in self._threads), "a call hangs"

    def wait_for(self, count: int, since: float = 0.0, call: str = "") -> None:
        """Wait for so many good answers to calls that began after a moment."""
        deadline = time.monotonic() + 2 * _TIMEOUT_SECONDS
        while self.count(GOOD, since, call) < count:
            assert time.monotonic() < deadline, f"no good answers any more: {self.verdicts(since)}"
            time.sleep(0.01)

    def count(self, verdict: str, since: float = 0.0, call: str = "") -> int:
        """How many calls, begun after a moment, ended so."""
        return sum(
            outcome.verdict == verdict and outcome.began >= since and call in ("", outcome.call)
            for outcome in list(self.outcomes)
        )

    def verdicts(self, since: float = 0.0) -> Counter[str]:
        """How calls ended that ended after a moment."""
        return Counter(outcome.verdict for outcome in list(self.outcomes) if outcome.ended >= since)

    def longest(self) -> float:
        """Seconds of the longest call."""
        return max(outcome.seconds for outcome in self.outcomes)

    def _encoding(self) -> None:
        with self._client() as client:
            self._repeat("encode", lambda clip: _verdict(check_encode(client, clip)))

    def _decoding(self) -> None:
        with self._client() as client:
            self._repeat("decode", lambda clip: _verdict(check_decode(client, clip)))

    def _streaming(self) -> None:
        options = (("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 200))
        with grpc.insecure_channel(self._service.grpc_target, options) as channel:
            self._repeat("stream", lambda clip: _stream_verdict(channel, clip))

    def _client(self) -> httpx.Client:
        return httpx.Client(base_url=self._service.base_url, timeout=_TIMEOUT_SECONDS)

    def _repeat(self, name: str, call: Callable[[Clip], str]) -> None:
        number = 0
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                verdict = call(self._service.clips[number % len(self._service.clips)])
            except WrongAnswerError:
                verdict = "wrong"
            except httpx.TimeoutException:
                verdict = "hangs"
            except httpx.TransportError:
                verdict = GONE
            self.outcomes.append(Outcome(name, verdict, began, time.monotonic()))
            number += 1
            time.sleep(_PAUSE_SECONDS)


def _verdict(response: httpx.Response) -> str:
    return GOOD if response.status_code == 200 else str(response.json()["error"]["code"])


def _stream_verdict(channel: grpc.Channel, clip: Clip) -> str:
    try:
        check_stream(channel, clip, _TIMEOUT_SECONDS)
    except grpc.RpcError as error:
        return code_of(error).name.lower()
    return GOOD
