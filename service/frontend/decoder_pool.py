"""A few confined processes that decode and write audio for the event loop."""

import asyncio
import json
import logging
import os
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from codec.errors import InvalidAudioError, LimitExceededError
from service.frontend.call import Call
from service.frontend.decoder_process import FRAME, Header, pack
from service.status import Condition, ServiceError, service_error

logger = logging.getLogger(__name__)

_INHERITED = ("PATH", "PYTHONPATH", "LANG", "LD_LIBRARY_PATH")
_MAX_HEADER_BYTES = 64 * 1024
_EXIT_SECONDS = 1.0
_ERRORS = {error.__name__: error for error in (InvalidAudioError, LimitExceededError)}

Buffer = bytes | memoryview


@dataclass(frozen=True, slots=True)
class PoolConfig:
    """`processes` decode at the same time and `max_waiting` requests wait for one of them at most; one
    request gets `timeout_seconds`, `cpu_seconds` of them running, and `memory_bytes`, and its result is no
    larger than `max_result_bytes`."""

    processes: int = 2
    max_waiting: int = 64
    timeout_seconds: float = 20.0
    cpu_seconds: float = 10.0
    memory_bytes: int = 1 << 30
    max_result_bytes: int = 1 << 28


@dataclass(frozen=True, slots=True)
class Answer:
    """What a decoder process gave back."""

    header: Header
    body: bytearray


class DecoderPool:
    """Hands requests to confined processes; one that dies or takes too long costs its own request only.

    `rejected` is told why a request got no answer: `queue` (too many wait), `time`, `cpu` (it took too
    long), `limit` (it is too much), `invalid` (it is no audio), `crash`, `killed` (its process ended).
    """

    def __init__(self, config: PoolConfig, rejected: Callable[[str], None]) -> None:
        self._config = config
        self._rejected = rejected
        # A place without a process gets one when a request needs it.
        self._free: list[_Decoder | None] = [None] * config.processes
        self._waiters: deque[asyncio.Future[_Decoder | None]] = deque()
        self._all: set[_Decoder] = set()

    async def start(self) -> None:
        """Start one process ahead of the first request; the others start when they are needed."""
        self._free[-1] = await self._start_decoder()

    def close(self) -> None:
        """Kill every process."""
        for decoder in self._all:
            decoder.kill()
        self._all.clear()

    async def run(self, header: Header, body: Buffer, call: Call) -> Answer:
        """Have one request answered.

        Raises `ServiceError`: OVERLOADED when too many wait, UNSUPPORTED_MEDIA or LIMIT_EXCEEDED for what
        the decoder says of the audio, or for an input that kills it, UNAVAILABLE if somebody else does, and
        whatever ends `call`.
        """
        call.stage = "audio"
        decoder = await self._acquire(call)
        healthy: _Decoder | None = None
        try:
            if decoder is not None and not decoder.is_alive:
                # Killed while it waited, for memory for instance: that says nothing of this request.
                self._discard(decoder)
                decoder = None
            if decoder is None:
                decoder = await call.run(self._start_decoder())
            answer = await call.run(self._exchange(decoder, header, body))
            healthy = decoder
        finally:
            if healthy is None and decoder is not None:
                self._discard(decoder)
            self._release(healthy)
        if "error" in answer.header:
            kind = _ERRORS.get(answer.header["error"], InvalidAudioError)
            self._rejected("limit" if kind is LimitExceededError else "invalid")
            raise service_error(kind(answer.header["message"]))
        return answer

    def _discard(self, decoder: "_Decoder") -> None:
        decoder.kill()
        self._all.discard(decoder)

    async def _acquire(self, call: Call) -> "_Decoder | None":
        if self._free:
            return self._free.pop()
        if len(self._waiters) >= self._config.max_waiting:
            self._rejected("queue")
            raise ServiceError(Condition.OVERLOADED, "too many files wait to be decoded; ask again later")
        place: asyncio.Future[_Decoder | None] = asyncio.get_running_loop().create_future()
        self._waiters.append(place)
        try:
            return await call.wait(place)
        except BaseException:
            # The place may have been given in the same turn of the loop that ended the call.
            if place.done() and not place.cancelled() and place.exception() is None:
                self._release(place.result())
            raise

    def _release(self, decoder: "_Decoder | None") -> None:
        while self._waiters:
            place = self._waiters.popleft()
            if not place.done():
                place.set_result(decoder)
                return
        self._free.append(decoder)

    async def _exchange(self, decoder: "_Decoder", header: Header, body: Buffer) -> Answer:
        try:
            async with asyncio.timeout(self._config.timeout_seconds):
                return await decoder.exchange(header, body, self._config.max_result_bytes)
        except TimeoutError as error:
            self._rejected("time")
            limit = f"{self._config.timeout_seconds:g} s"
            message = f"the audio takes more than {limit} to decode; send it in parts"
            raise ServiceError(Condition.LIMIT_EXCEEDED, message) from error
        except (OSError, EOFError, ValueError) as error:
            status = await asyncio.to_thread(decoder.exit_status)
            if status == -signal.SIGPROF:
                self._rejected("cpu")
                message = (
                    f"the audio takes more than {self._config.cpu_seconds:g} s to decode; send it in parts"
                )
                raise ServiceError(Condition.LIMIT_EXCEEDED, message) from error
            # Its own limits end it with other signals.
            if status == -signal.SIGKILL:
                self._rejected("killed")
                message = "the process that decoded the audio was killed; ask again"
                raise ServiceError(Condition.UNAVAILABLE, message) from error
            self._rejected("crash")
            logger.warning("a decoder process has ended on an input: %r", error)
            message = "the audio cannot be decoded; send a sound WAV, FLAC, OGG or MP3 file"
            raise ServiceError(Condition.UNSUPPORTED_MEDIA, message) from error

    async def _start_decoder(self) -> "_Decoder":
        decoder = _Decoder()
        self._all.add(decoder)
        settings = {
            "memory_bytes": self._config.memory_bytes,
            "cpu_seconds": self._config.cpu_seconds,
        }
        await decoder.exchange(settings, b"", 0)
        return decoder


class _Decoder:
    """One process and the socket to it."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "service.frontend.decoder_process", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env={name: os.environ[name] for name in _INHERITED if name in os.environ}
                | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            )
        self._socket.setblocking(False)

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def exit_status(self) -> int | None:
        """How the process has ended; None if it has not, even after a moment."""
        try:
            return self._process.wait(_EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            return None

    async def exchange(self, header: Header, body: Buffer, max_result_bytes: int) -> Answer:
        """Send a request and receive its answer; raises `OSError` or `EOFError` if the process dies."""
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(self._socket, pack(header, len(body)))
        await loop.sock_sendall(self._socket, body)
        header_bytes, body_bytes = FRAME.unpack(await self._receive(FRAME.size))
        if header_bytes > _MAX_HEADER_BYTES or body_bytes > max_result_bytes:
            raise ValueError(f"an answer of {header_bytes} + {body_bytes} bytes")
        answer: Header = json.loads(await self._receive(header_bytes))
        return Answer(answer, await self._receive(body_bytes))

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()
        self._process.wait()
        self._socket.close()

    async def _receive(self, count: int) -> bytearray:
        loop = asyncio.get_running_loop()
        buffer = bytearray(count)
        view = memoryview(buffer)
        while view:
            received = await loop.sock_recv_into(self._socket, view)
            if not received:
                raise EOFError("the decoder process has ended")
            view = view[received:]
        return buffer
