"""The front end's connection to one worker process."""

import asyncio
import logging
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, cast

from service.frontend.backlog import Backlog, BacklogLimits, Given, run_seconds
from service.frontend.call import Call
from service.frontend.outbound import Outbound
from service.frontend.spans import SPAN
from service.histogram import SECONDS, Histogram
from service.ipc import Kind, Message, MessageReader, Operation, ProtocolError
from service.model_info import ModelInfo
from service.samples import SampleForm
from service.status import Condition, ServiceError

logger = logging.getLogger(__name__)

StreamSink = Callable[[Message], None]
"""Takes what a worker says of a stream: OPENED, DATA, FLUSHED, FAILED; the last one ends it."""

# What a live stream weighs beside queued one-shot audio: the audio that it brings while one short
# request runs.
_STREAM_WEIGHT_SECONDS = 0.25

# What another version, or another worker, might have done better.
_FAILURES = frozenset(
    {Condition.OVERLOADED, Condition.UNAVAILABLE, Condition.DEADLINE_EXCEEDED, Condition.INTERNAL}
)


@dataclass(frozen=True, slots=True)
class Job:
    """One-shot work for a worker; `audio_seconds` is what it weighs, `form` that of samples in or out."""

    operation: Operation
    n_q: int
    payload: bytes | memoryview
    audio_seconds: float
    form: SampleForm


class LinkOwner(Protocol):
    """Who is told of the turns in a link's life."""

    def link_ready(self, link: "WorkerLink") -> None:
        """The worker has said what it serves."""

    def link_lost(self, link: "WorkerLink") -> None:
        """The connection has ended."""

    def link_idle(self, link: "WorkerLink") -> None:
        """The last job or stream of the worker has ended."""


class WorkerLink(asyncio.Protocol):
    """Jobs and streams of one worker, over its Unix socket.

    When the connection ends, every caller gets UNAVAILABLE at once. `done` and `failed` count what became of
    jobs and streams; failed are those that another version might have served: what was asked was right.
    `stalls`: times that a stream's window was full; `round_trips`: seconds that requests took beside
    waiting and running in the worker.
    """

    def __init__(self, worker_id: str, owner: LinkOwner, limits: BacklogLimits) -> None:
        self.worker_id = worker_id
        self.info: ModelInfo | None = None
        self.stats: dict[str, Any] = {}
        self.done = 0
        self.failed = 0
        self.stalls = 0
        self.round_trips = Histogram(SECONDS)
        self._owner = owner
        self._backlog = Backlog(limits)
        self._reader = MessageReader()
        self._out: Outbound | None = None
        self._next_session = 1
        self._jobs: dict[int, asyncio.Future[Message]] = {}
        self._streams: dict[int, StreamSink] = {}
        self._streams_elsewhere = 0

    @property
    def streams(self) -> int:
        """Live streams on the worker."""
        return len(self._streams)

    @property
    def slots_taken(self) -> int:
        """Live streams on the worker, those of other front ends as it told them last."""
        return len(self._streams) + self._streams_elsewhere

    @property
    def jobs(self) -> int:
        """One-shot requests on the worker."""
        return len(self._jobs)

    @property
    def idle(self) -> bool:
        """Whether nothing is going on."""
        return not self._jobs and not self._streams

    @property
    def load_seconds(self) -> float:
        """How much audio stands before a new request."""
        return self._backlog.audio_seconds + _STREAM_WEIGHT_SECONDS * len(self._streams)

    def check_room(self, call: Call, operation: Operation, n_q: int, audio_seconds: float) -> Given:
        """The place that a job of so much audio, at least, would have.

        Raises `ServiceError` OVERLOADED if the worker has too much to do, or too much of this caller, or
        could not do this in time.
        """
        own, cost = 0.0, self.stats.get("cost", {}).get(operation.name.lower())
        if cost is not None and self.info is not None:
            frames = audio_seconds * self.info.sample_rate / self.info.hop_samples
            own = run_seconds(cost, frames, n_q)
        place = Given(call.caller, call.bulk, audio_seconds, own, time.monotonic_ns(), call.deadline_ns)
        self._backlog.check(place)
        return place

    async def run(self, job: Job, call: Call) -> Message:
        """Have a job done; the worker's RESULT.

        Raises `ServiceError`: like `check_room`, the worker's own refusal, UNAVAILABLE when it dies, or
        whatever ends `call`; the worker then forgets the job.
        """
        place = self.check_room(call, job.operation, job.n_q, job.audio_seconds)
        call.stage = "worker"
        session = self._new_session()
        future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._jobs[session] = future
        self._backlog.add(place)
        began_ns = time.perf_counter_ns()
        if self._out is not None:
            self._out.request(_job_message(job, session, call))
        try:
            result = await call.wait(future)
        except ServiceError as error:
            if error.condition is Condition.INTERNAL:
                # The worker's own log lines name the session; this one ties them to the request.
                names = {"worker": self.worker_id, "session": session, "reason": error.message}
                logger.error("a worker failed a request", extra=names)
            raise
        finally:
            self._backlog.remove(place)
            if self._jobs.pop(session, None) is not None and not self._withdraw(session):
                self._write(Message(Kind.CANCEL, session))
            self._tell_if_idle()
        between_us = (time.perf_counter_ns() - began_ns) // 1000 - result.queue_us - result.run_us
        self.round_trips.observe(between_us * 1e-6)
        call.queue_us += result.queue_us
        call.run_us += result.run_us
        if (span := SPAN.get()) is not None and self.info is not None:
            span.job_ended(job.operation.name.lower(), self.info, result.queue_us, result.run_us)
        return result

    def open_stream(
        self,
        operation: Operation,
        n_q: int,
        sink: StreamSink,
        caller: str = "",
        form: SampleForm = SampleForm.F32,
    ) -> int:
        """Ask for a live stream and return its session; OPENED or FAILED comes to `sink`.

        `form`: of the samples that it is to give.

        Raises `ServiceError` UNAVAILABLE if the worker is gone.
        """
        if self._out is None:
            raise ServiceError(Condition.UNAVAILABLE, "the worker is gone; open the stream again")
        session = self._new_session()
        self._streams[session] = sink
        self._write(Message(Kind.OPEN, session, operation, n_q, _number_of(caller), form=form))
        return session

    def send(self, message: Message) -> None:
        """Send a message of an open stream."""
        self._write(message)

    def close_stream(self, session: int) -> None:
        """Give the slot back; harmless after the stream has ended."""
        if self._streams.pop(session, None) is not None:
            self.done += 1
            self._write(Message(Kind.CLOSE, session))
            self._tell_if_idle()

    def close(self) -> None:
        """Drop the connection."""
        if self._out is not None:
            self._out.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Part of `asyncio.Protocol`."""
        self._out = Outbound(cast(asyncio.Transport, transport))

    def pause_writing(self) -> None:
        """Part of `asyncio.Protocol`."""
        if self._out is not None:
            self._out.pause()

    def resume_writing(self) -> None:
        """Part of `asyncio.Protocol`."""
        if self._out is not None:
            self._out.resume()

    def data_received(self, data: bytes) -> None:
        """Part of `asyncio.Protocol`: every message goes to whom it concerns."""
        try:
            for message in self._reader.feed(data):
                self._dispatch(message)
        except (ProtocolError, ValueError, TypeError, KeyError):
            logger.exception("worker %s does not keep to the protocol; dropping it", self.worker_id)
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Part of `asyncio.Protocol`: the worker has died or was stopped."""
        self._out = None
        reason = "the worker has stopped; ask again"
        self.failed += len(self._jobs) + len(self._streams)
        jobs, self._jobs = self._jobs, {}
        for future in jobs.values():
            if not future.done():
                future.set_exception(ServiceError(Condition.UNAVAILABLE, reason))
        streams, self._streams = self._streams, {}
        for session, sink in streams.items():
            sink(Message(Kind.FAILED, session, value=Condition.UNAVAILABLE, payload=reason.encode()))
        self._owner.link_lost(self)

    def _dispatch(self, message: Message) -> None:
        kind = message.kind
        if kind is Kind.HELLO:
            self.info = ModelInfo(**message.json())
            self._owner.link_ready(self)
        elif kind is Kind.STATS:
            self.stats = message.json()
            self._streams_elsewhere = max(0, int(self.stats.get("slots_used", 0)) - len(self._streams))
        elif (sink := self._streams.get(message.session)) is not None:
            if kind is Kind.FAILED:
                del self._streams[message.session]
                self._count_failure(message)
                self._tell_if_idle()
            sink(message)
        elif (future := self._jobs.pop(message.session, None)) is not None and not future.done():
            if kind is Kind.FAILED:
                self._count_failure(message)
                future.set_exception(failure(message))
            else:
                self.done += 1
                future.set_result(message)

    def _count_failure(self, message: Message) -> None:
        if message.value in _FAILURES:
            self.failed += 1
        else:
            self.done += 1

    def _new_session(self) -> int:
        self._next_session += 1
        return self._next_session

    def _write(self, message: Message) -> None:
        if self._out is not None:
            self._out.send(message)

    def _withdraw(self, session: int) -> bool:
        """Whether a job could be taken back before the worker had it."""
        return self._out is not None and self._out.withdraw(session)

    def _tell_if_idle(self) -> None:
        if self.idle:
            self._owner.link_idle(self)


def _job_message(job: Job, session: int, call: Call) -> Message:
    return Message(
        Kind.BULK if call.bulk else Kind.JOB,
        session,
        job.operation,
        job.n_q,
        _number_of(call.caller),
        call.deadline_ns,
        payload=job.payload,
        form=job.form,
    )


def _number_of(caller: str) -> int:
    """The number by which workers know a caller: the same from every front end, with nothing to remember."""
    return zlib.crc32(caller.encode())


def failure(message: Message) -> ServiceError:
    """The error that a FAILED message carries."""
    return ServiceError(Condition(message.value), str(bytes(message.payload), "utf-8", "replace"))
