"""One batch: files are read from a tar as it comes, coded side by side, and answered in their order."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import orjson
from starlette.requests import ClientDisconnect, Request

from service.config import Limits
from service.frontend.access import Caller
from service.frontend.call import Call
from service.frontend.http_errors import problem_of
from service.frontend.http_request import Outcome, disconnected
from service.frontend.metrics import Metrics
from service.frontend.tar_stream import TarMember, TarReader, tar_member
from service.status import Condition, ServiceError

_IN_FLIGHT = 16
"""Files of one batch that are held at most: being coded, or waiting for those before them."""

_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 1.0
_PASSING = (Condition.OVERLOADED, Condition.QUOTA_EXCEEDED)


class BatchRoom:
    """Bytes that all batches together may hold; who finds no room waits for it, in order of arrival."""

    def __init__(self, size_bytes: int) -> None:
        self._size_bytes = size_bytes
        self._used_bytes = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def enter(self, amount_bytes: int) -> None:
        """Take room; more than there is at all is given to one who is alone."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (amount_bytes, future)
        self._waiting.append(entry)
        self._admit()
        try:
            await future
        except asyncio.CancelledError:
            if entry in self._waiting:
                self._waiting.remove(entry)
                self._admit()
            else:
                self.leave(amount_bytes)
            raise

    def leave(self, amount_bytes: int) -> None:
        """Give room back."""
        self._used_bytes -= amount_bytes
        self._admit()

    def _admit(self) -> None:
        while self._waiting:
            amount_bytes, future = self._waiting[0]
            if self._used_bytes and self._used_bytes + amount_bytes > self._size_bytes:
                return
            self._waiting.popleft()
            self._used_bytes += amount_bytes
            if not future.done():
                future.set_result(None)


@dataclass(frozen=True, slots=True)
class BatchJob:
    """What is done with every file: `operation` names it, `answer_name` gives the name of its answer, and
    `held_times` says how much larger than the file the answer may be."""

    operation: str
    work: Callable[[bytes, Call], Awaitable[Outcome]]
    answer_name: Callable[[str], str]
    held_times: int


@dataclass(frozen=True, slots=True)
class BatchSettings:
    """What all batches share; `is_draining`: whether the service is shutting down."""

    limits: Limits
    metrics: Metrics
    room: BatchRoom
    is_draining: Callable[[], bool]


class Batch:
    """Files and answers on their way; all of it is bulk work of one caller, and waits while the service is
    busy. `timeout_seconds`: for the whole of it."""

    def __init__(
        self, job: BatchJob, caller: Caller, settings: BatchSettings, timeout_seconds: float
    ) -> None:
        self._job = job
        self._caller = caller
        self._settings = settings
        self._deadline = time.monotonic() + timeout_seconds
        self._answers: asyncio.Queue[tuple[asyncio.Task[bytes], int] | None] = asyncio.Queue(_IN_FLIGHT)
        self._held_bytes = 0

    async def run(self, request: Request, write: Callable[[bytes], Awaitable[None]]) -> None:
        """Answer every file, and last what is wrong with the archive, if anything is.

        Raises an `ExceptionGroup` of what `write` raises, or of `ClientDisconnect`.
        """
        try:
            async with asyncio.TaskGroup() as group:
                reading = group.create_task(self._read(request, group))
                while (answer := await self._answers.get()) is not None:
                    task, held_bytes = answer
                    await write(await task)
                    self._give_back(held_bytes)
                reading.cancel()
        finally:
            self._give_back(self._held_bytes)

    async def _read(self, request: Request, group: asyncio.TaskGroup) -> None:
        """Start work on every file; then watch for a client that leaves, until cancelled."""
        reader = TarReader(self._chunks(request), self._settings.limits.max_body_bytes)
        try:
            while (member := await reader.next()) is not None:
                held_bytes = 0
                if member.problem is None:
                    held_bytes = max(1, member.size) * self._job.held_times
                    await self._settings.room.enter(held_bytes)
                    self._held_bytes += held_bytes
                content = await reader.read(member) if member.problem is None else b""
                task = group.create_task(self._answer(member, content))
                await self._answers.put((task, held_bytes))
        except ServiceError as error:
            task = group.create_task(_told("batch", error))
            await self._answers.put((task, 0))
        await self._answers.put(None)
        await disconnected(request)
        raise ClientDisconnect

    async def _chunks(self, request: Request) -> AsyncIterator[bytes]:
        stream = request.stream()
        while True:
            patience = min(self._settings.limits.idle_stream_seconds, self._deadline - time.monotonic())
            try:
                async with asyncio.timeout(patience):
                    chunk = await anext(stream, None)
            except TimeoutError as error:
                message = "the rest of the archive did not come in time; send it again from here on"
                raise ServiceError(Condition.DEADLINE_EXCEEDED, message) from error
            if chunk is None:
                return
            yield chunk

    async def _answer(self, member: TarMember, content: bytes) -> bytes:
        """The entry that answers a file; never fails."""
        metrics, operation = self._settings.metrics, self._job.operation
        remaining = max(0.0, self._deadline - time.monotonic())
        call = Call(remaining, self._caller.name, self._caller.quota, bulk=True)
        condition: Condition | None = Condition.CANCELLED
        audio_seconds = 0.0
        metrics.request_began(operation)
        try:
            if member.problem is not None:
                raise member.problem
            with call:
                outcome = await self._patiently(content, call)
            audio_seconds, condition = outcome.audio_seconds, None
            return tar_member(self._job.answer_name(member.name), outcome.content)
        except Exception as error:
            problem = problem_of(error)
            condition = problem.condition
            return await _told(member.name, problem)
        finally:
            metrics.request_ended(operation, condition, call, audio_seconds)

    async def _patiently(self, content: bytes, call: Call) -> Outcome:
        """Do the work as soon as the service takes it."""
        pause = _FIRST_PAUSE_SECONDS
        while True:
            if self._settings.is_draining():
                message = "the service is stopping; send the rest again"
                raise ServiceError(Condition.UNAVAILABLE, message)
            try:
                return await self._job.work(content, call)
            except ServiceError as error:
                wait = error.retry_after_seconds or pause
                if error.condition not in _PASSING or wait > call.remaining_seconds:
                    raise
            await asyncio.sleep(min(wait, _LONGEST_PAUSE_SECONDS))
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    def _give_back(self, held_bytes: int) -> None:
        self._held_bytes -= held_bytes
        self._settings.room.leave(held_bytes)


async def _told(name: str, problem: ServiceError) -> bytes:
    """The entry that says what is wrong with a file."""
    error = {"code": problem.condition.name.lower(), "message": problem.message}
    return tar_member(f"{name}.error.json", orjson.dumps({"error": error}))
