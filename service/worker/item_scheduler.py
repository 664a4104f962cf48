"""The heart of a worker whose model needs whole items: jobs come in, batches run, answers go out."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from service.ipc import Kind, Message, Operation, ProtocolError
from service.places import check_place
from service.status import Condition, ServiceError
from service.worker import payload
from service.worker.admission import QueueLimits, admit
from service.worker.cost import CostModel, Timing
from service.worker.cutter import Cutter
from service.worker.engine import Geometry, ItemEngine, Piece
from service.worker.item_job import ItemJob
from service.worker.item_policy import ItemBatch, ItemLimits, ItemPolicy
from service.worker.item_queue import ItemQueue
from service.worker.outbox import Emit, Outbox
from service.worker.session import SessionKey
from service.worker.stats import Stats, Step
from service.worker.step_stats import class_of

_LOG = logging.getLogger(__name__)
_OPERATIONS = frozenset(int(operation) for operation in Operation)
_JOBS = frozenset({Kind.JOB, Kind.BULK})
# What a front end may still say of a stream that was refused.
_LATE = frozenset({Kind.DATA, Kind.FLUSH, Kind.CLOSE})


@dataclass(frozen=True, slots=True)
class ItemSchedulerConfig:
    """`max_jobs`: jobs held at most; of `queue` only the bound on queued audio is used."""

    max_jobs: int = 64
    queue: QueueLimits = field(default_factory=QueueLimits)
    step: ItemLimits = field(default_factory=ItemLimits)


@dataclass(frozen=True, slots=True, eq=False)
class ItemModel:
    """A model that needs whole items: how it cuts them, what runs them, and what that costs."""

    geometry: Geometry
    cutter: Cutter
    engine: ItemEngine
    costs: Mapping[Operation, CostModel]


class ItemScheduler:
    """Owns every job of a worker; takes the same calls as `Scheduler`, and refuses live streams.

    A step runs at most a batch of pieces, so that short jobs pass long ones, and a cancelled or expired job
    stops after the piece that runs. `announce` is told, before each step, how many seconds it is predicted to
    take.
    """

    def __init__(
        self,
        model: ItemModel,
        emit: Emit,
        config: ItemSchedulerConfig,
        announce: Callable[[float], None],
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._model = model
        self._config = config
        self._announce = announce
        self._clock = clock
        self._stats = Stats()
        self._policy = ItemPolicy(model.costs, model.geometry.frame_seconds, config.step)
        self._queue = ItemQueue()
        self._outbox = Outbox(emit)

    @property
    def has_work(self) -> bool:
        """Whether a step could run now."""
        return self._queue.jobs.has_work

    @property
    def wait_seconds(self) -> float:
        """Nothing here waits for what may come."""
        return 0.0

    @property
    def is_idle(self) -> bool:
        """Whether there is no job at all."""
        return not len(self._queue)

    def snapshot(self) -> dict[str, Any]:
        """Counters, gauges and the cost model, ready for JSON."""
        gauges: dict[str, Any] = {
            "slots": 0,
            "slots_used": 0,
            "max_jobs": self._config.max_jobs,
            "jobs_queued": len(self._queue),
            "queued_audio_seconds": self._queue.jobs.audio_seconds,
            "queue": self._queue.jobs.gauges(),
        }
        return self._stats.snapshot(gauges, self._model.costs)

    def handle(self, connection: int, message: Message) -> None:
        """Take in one message of a front end.

        Raises `ProtocolError` for what no sound front end sends; its connection must be dropped.
        """
        key = SessionKey(connection, message.session)
        try:
            if message.kind in _JOBS:
                self._job(key, message)
            elif message.kind is Kind.CANCEL:
                self._cancel(key)
            elif message.kind is Kind.OPEN:
                self._check_new(key)
                text = "the model needs the whole item and takes no live streams; use POST /encode or /decode"
                raise ServiceError(Condition.INVALID_ARGUMENT, text)
            elif message.kind in _LATE:
                self._stats.late_messages += 1
            else:
                raise ProtocolError(f"a worker does not take {message.kind.name}")
        except ServiceError as error:
            self._fail(key, error)

    def disconnect(self, connection: int) -> None:
        """Free everything that a vanished front end had."""
        self._queue.set_blocked(connection, False)
        self._stats.disconnects += 1
        for key in self._queue.of_connection(connection):
            self._queue.drop(key)

    def set_blocked(self, connection: int, blocked: bool) -> None:
        """Stop or resume stepping for a front end that does not read its results."""
        self._queue.set_blocked(connection, blocked)

    def expire(self) -> None:
        """Fail the jobs whose deadline has passed."""
        now_ns = self._clock()
        for job in [job for job in self._queue.jobs if 0 < job.deadline_ns <= now_ns]:
            text = "the deadline passed before the work was done"
            self._fail(job.key, ServiceError(Condition.DEADLINE_EXCEEDED, text))

    def step(self) -> bool:
        """Run one batch; False when there was nothing to run."""
        self.expire()
        if not self.has_work:
            return False
        now_ns = self._clock()
        self._run(self._policy.batch(self._queue.line(now_ns)), now_ns)
        return True

    def _job(self, key: SessionKey, message: Message) -> None:
        if message.operation not in _OPERATIONS:
            raise ProtocolError(f"operation {message.operation}")
        self._check_new(key)
        caller, bulk = message.sequence, message.kind is Kind.BULK
        held = self._queue.jobs.held(caller, bulk=bulk)
        check_place(held, self._config.max_jobs, len(self._queue), bulk=bulk)
        payload.check_n_q(message.n_q, self._model.geometry)
        now_ns = self._clock()
        if 0 < message.value <= now_ns:
            text = "the deadline had passed on arrival; allow more time"
            raise ServiceError(Condition.DEADLINE_EXCEEDED, text)
        item = self._model.cutter.cut(message)
        frames = [self._model.cutter.frames(piece) for piece in item.pieces]
        seconds = self._model.geometry.frame_seconds
        job = ItemJob(key, message.n_q, item, frames, seconds, arrived_ns=now_ns, deadline_ns=message.value)
        job.caller, job.bulk = caller, bulk
        limit = self._config.queue.max_queued_audio_seconds
        admit(job, self._queue.jobs, self._policy.run_seconds, limit)
        self._queue.add(job)

    def _check_new(self, key: SessionKey) -> None:
        if key in self._queue:
            raise ProtocolError(f"session {key.session} exists already")

    def _cancel(self, key: SessionKey) -> None:
        if self._queue.drop(key):
            self._stats.cancelled += 1
        else:
            self._stats.late_messages += 1

    def _fail(self, key: SessionKey, error: ServiceError) -> None:
        self._queue.drop(key)
        self._stats.count_failure(error.condition)
        self._outbox.failed(key, error)

    def _run(self, batch: ItemBatch, started_ns: int) -> None:
        predicted = self._model.costs[batch.operation].seconds(len(batch.pieces), batch.frames, batch.n_q)
        self._queue.jobs.charge(batch.jobs, predicted, started_ns)
        self._announce(predicted)
        began_cpu_ns = time.thread_time_ns()
        try:
            outputs = self._step(batch)
        except Exception:
            keys = [job.key for job in dict.fromkeys(batch.jobs)]
            _LOG.exception("a step failed", extra={"sessions": keys, "frames": batch.frames})
            self._stats.engine_errors += 1
            for job in dict.fromkeys(batch.jobs):
                self._break(job)
            return
        run_ns, cpu_ns = self._clock() - started_ns, time.thread_time_ns() - began_cpu_ns
        self._count(batch, predicted, run_ns, cpu_ns)
        for job, output in zip(batch.jobs, outputs, strict=True):
            job.done.append(output)
        for job in dict.fromkeys(batch.jobs):
            job.started_ns = job.started_ns or started_ns
            job.run_ns += run_ns
            self._queue.jobs.ran(job)
            if not job.left:
                self._deliver(job)

    def _break(self, job: ItemJob) -> None:
        text = "the model failed on this item; the fault has been logged, try again"
        self._fail(job.key, ServiceError(Condition.INTERNAL, text))

    def _step(self, batch: ItemBatch) -> list[Piece]:
        if batch.operation == Operation.DECODE:
            return self._model.engine.decode(batch.pieces)
        coded = self._model.engine.encode(batch.pieces, batch.n_q)
        return [
            Piece(piece.n_samples, piece.items[:, : job.n_q], piece.scale, piece.labels)
            for job, piece in zip(batch.jobs, coded, strict=True)
        ]

    def _deliver(self, job: ItemJob) -> None:
        try:
            answer = self._model.cutter.finish(job.item, job.done, self._model.engine)
        except Exception:
            # A model may give what no item can hold, such as a scale of infinity.
            _LOG.exception("an answer failed", extra={"samples": job.item.n_samples})
            self._stats.engine_errors += 1
            self._break(job)
            return
        self._outbox.answer(job, answer)
        self._stats.of(job.operation).jobs += 1
        self._queue.drop(job.key)

    def _count(self, batch: ItemBatch, predicted_seconds: float, run_ns: int, cpu_ns: int) -> None:
        rows = len(batch.pieces)
        self._model.costs[batch.operation].observe(Timing(rows, batch.frames, batch.n_q, run_ns / 1e9))
        audio_seconds = batch.frames * self._model.geometry.frame_seconds
        padding = 1.0 - batch.own_frames / (rows * batch.frames)
        step = Step(rows, batch.own_frames, run_ns, predicted_seconds, audio_seconds, cpu_ns, padding)
        self._stats.count_step(batch.operation, class_of(is_job=True, bulk=batch.jobs[0].bulk), step)
