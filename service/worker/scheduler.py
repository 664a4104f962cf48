"""The heart of a worker: messages come in, bounded steps run, messages go out. No sockets, no torch."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from service.ipc import Message, Operation
from service.status import Condition, ServiceError
from service.worker.admission import Admission, QueueLimits
from service.worker.cost import CostModel, Timing
from service.worker.engine import Engine, Geometry
from service.worker.intake import Intake
from service.worker.outbox import Emit, Outbox
from service.worker.policy import Batch, Policy, StepLimits
from service.worker.session import Session
from service.worker.sessions import Sessions
from service.worker.stats import Stats
from service.worker.step import run_step

Output = NDArray[Any]
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SchedulerConfig:
    """`slots`, `max_jobs`: live streams and jobs held at most, which together are the rows of the engine."""

    slots: int = 64
    max_jobs: int = 64
    queue: QueueLimits = field(default_factory=QueueLimits)
    step: StepLimits = field(default_factory=StepLimits)


class Scheduler:
    """Owns every session of a worker; `emit(connection, message)` is called for all that goes back."""

    def __init__(
        self,
        geometry: Geometry,
        engine: Engine,
        costs: Mapping[Operation, CostModel],
        emit: Emit,
        config: SchedulerConfig,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._engine = engine
        self._costs = costs
        self._clock = clock
        self._stats = Stats()
        self._policy = Policy(costs, config.step)
        self._sessions = Sessions(geometry, config.slots, config.max_jobs)
        self._outbox = Outbox(emit)
        admission = Admission(geometry, costs, config.queue)
        self._intake = Intake(geometry, self._sessions, admission, self._outbox, self._stats, clock)

    @property
    def has_work(self) -> bool:
        """Whether a step could run now."""
        return self._sessions.has_work

    @property
    def is_idle(self) -> bool:
        """Whether there is no session at all."""
        return not len(self._sessions)

    def snapshot(self) -> dict[str, Any]:
        """Counters, gauges and the cost model, ready for JSON."""
        return self._stats.snapshot({**self._sessions.gauges(), **self._engine.counters()}, self._costs)

    def handle(self, connection: int, message: Message) -> None:
        """Take in one message of a front end.

        Raises `ProtocolError` for what no sound front end sends; its connection must be dropped.
        """
        self._intake.handle(connection, message)

    def disconnect(self, connection: int) -> None:
        """Free everything that a vanished front end had."""
        self._sessions.set_blocked(connection, False)
        self._stats.disconnects += 1
        for session in self._sessions.of_connection(connection):
            self._sessions.drop(session)

    def set_blocked(self, connection: int, blocked: bool) -> None:
        """Stop or resume stepping for a front end that does not read its results."""
        self._sessions.set_blocked(connection, blocked)

    def expire(self) -> None:
        """Fail the jobs whose deadline has passed."""
        now_ns = self._clock()
        for job in [job for job in self._sessions.jobs if 0 < job.deadline_ns <= now_ns]:
            text = "the deadline passed before the work was done"
            self._intake.fail(job.key, ServiceError(Condition.DEADLINE_EXCEEDED, text))

    def step(self) -> bool:
        """Run one bounded step; False when there was nothing to run."""
        self.expire()
        now_ns = self._clock()
        head = self._sessions.next(now_ns)
        if head is None:
            return False
        companions = self._sessions.companions(head)
        target_seconds = self._policy.target_seconds(head, self._sessions.slack_seconds(now_ns))
        self._run(self._policy.batch(head, companions, target_seconds), now_ns)
        return True

    def _run(self, batch: Batch, started_ns: int) -> None:
        waiting_since_ns = [session.segments[0].waiting_since_ns for session in batch.sessions]
        predicted = self._costs[batch.operation].seconds(len(batch.sessions), batch.frames, batch.n_q)
        self._sessions.charge(batch.sessions, predicted, started_ns)
        try:
            outputs = run_step(self._engine, batch)
        except Exception:
            # Whatever went wrong, the state of these rows is unknown and that of all others untouched.
            keys = [session.key for session in batch.sessions]
            _LOG.exception("a step failed", extra={"sessions": keys, "frames": batch.frames})
            self._fail_batch(batch)
            return
        run_ns = self._clock() - started_ns
        self._count(batch, predicted, run_ns)
        for session, output, since_ns in zip(batch.sessions, outputs, waiting_since_ns, strict=True):
            if not self._sessions.holds(session):
                continue
            session.started_ns = session.started_ns or started_ns
            session.run_ns += run_ns
            if session.is_job:
                self._deliver_job(session, output)
            else:
                session.pace(batch.frames, started_ns)
                self._deliver_stream(session, output, started_ns - since_ns, run_ns)

    def _deliver_job(self, job: Session, output: Output) -> None:
        _, items = job.deliver(output)
        job.outputs.append(items)
        if job.segments[0].finished:
            self._outbox.result(job)
            self._stats.of(job.operation).jobs += 1
            self._sessions.drop(job)

    def _deliver_stream(self, stream: Session, output: Output, queue_ns: int, run_ns: int) -> None:
        consumed = stream.segments[0].consumed()
        if consumed is not None:
            stream.consumed = consumed
        self._outbox.data(stream, output, queue_ns=queue_ns, run_ns=run_ns)
        self._sessions.step_aside(stream)
        self._intake.settle(stream)

    def _fail_batch(self, batch: Batch) -> None:
        self._stats.engine_errors += 1
        for session in batch.sessions:
            text = "the model failed on this step; the fault has been logged, try again"
            self._intake.fail(session.key, ServiceError(Condition.INTERNAL, text))

    def _count(self, batch: Batch, predicted_seconds: float, run_ns: int) -> None:
        rows = len(batch.sessions)
        self._costs[batch.operation].observe(Timing(rows, batch.frames, batch.n_q, run_ns / 1e9))
        self._stats.of(batch.operation).count_step(rows, rows * batch.frames, run_ns, predicted_seconds)
