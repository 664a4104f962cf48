"""The heart of a worker: messages come in, bounded steps run, messages go out. No sockets, no torch."""

import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from codec.layers.pauses import pausing
from service.ipc import Message, Operation
from service.status import Condition, ServiceError
from service.worker.admission import Admission, QueueLimits
from service.worker.capacity import Capacity
from service.worker.core_share import CoreShare
from service.worker.cost import CostModel, Timing
from service.worker.engine import Engine, Geometry
from service.worker.intake import Intake
from service.worker.job_queue import INTERACTIVE_PATIENCE_NS
from service.worker.lateness import Lateness
from service.worker.outbox import Emit, Outbox
from service.worker.policy import Batch, Policy, StepLimits
from service.worker.session import Session
from service.worker.sessions import Sessions
from service.worker.slack import Slack, SlackLimits
from service.worker.stats import Stats, Step
from service.worker.step import run_step
from service.worker.step_stats import class_of
from service.worker.step_timer import StepTimer

Output = NDArray[Any]
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SchedulerConfig:
    """`slots`, `max_jobs`: live streams and jobs held at most, which together are the rows of the engine."""

    slots: int = 64
    max_jobs: int = 64
    queue: QueueLimits = field(default_factory=QueueLimits)
    step: StepLimits = field(default_factory=StepLimits)
    slack: SlackLimits = field(default_factory=SlackLimits)


class InterruptedWorkError(BaseException):
    """Something else than the model failed while a step was interrupted; the worker cannot go on."""


class Scheduler:
    """Owns every session of a worker; `emit(connection, message)` is called for all that goes back.

    `attend` takes in what has come and sends what is ready. Given that, steps of jobs pause between the
    layers of the model, and live streams that wait are stepped in between; None: every step runs through.
    """

    def __init__(
        self,
        geometry: Geometry,
        engine: Engine,
        costs: Mapping[Operation, CostModel],
        emit: Emit,
        config: SchedulerConfig,
        attend: Callable[[], None] | None = None,
        clock: Callable[[], int] = time.monotonic_ns,
        cpu_clock: Callable[[], int] = time.thread_time_ns,
    ) -> None:
        self._engine = engine
        self._costs = costs
        self._attend = attend
        self._clock = clock
        self._timer = StepTimer(clock, cpu_clock)
        self._core = CoreShare()
        self._unread_ns = 0
        self._stats = Stats()
        self._limits = config.step
        self._policy = Policy(costs, config.step)
        self._slack = Slack(config.slack)
        self._lateness = Lateness()
        self._ask_again_ns = 0
        self._sessions = Sessions(geometry, config.slots, config.max_jobs)
        self._outbox = Outbox(emit)
        self._capacity = Capacity(geometry, costs, config.slots, config.step.max_rows)
        self._admission = Admission(self._capacity, costs, self._lateness, config.queue)
        self._intake = Intake(geometry, self._sessions, self._admission, self._outbox, self._stats, clock)

    @property
    def has_work(self) -> bool:
        """Whether there is work that could be stepped, now or when live streams leave room for it."""
        return self._sessions.has_work

    @property
    def wait_seconds(self) -> float:
        """How long to wait with the next step if no message comes; 0 unless `step` has just put it off."""
        return max(0, self._ask_again_ns - self._clock()) / 1e9

    @property
    def is_idle(self) -> bool:
        """Whether there is no session at all."""
        return not len(self._sessions)

    def snapshot(self) -> dict[str, Any]:
        """Counters, gauges and the cost model, ready for JSON."""
        live, now_ns, capacity = self._sessions.live(), self._clock(), self._capacity
        behind, streams = self._admission.is_behind(live, now_ns), sum(live.values())
        room = {kind: capacity.room(kind, live, now_ns) for kind in Operation}
        figures: dict[str, dict[Operation, Any]] = {
            "streams": live,
            "capacity": {kind: streams + room[kind] for kind in Operation},
            "calibrated": {kind: capacity.calibrated(kind) for kind in Operation},
            "room": dict.fromkeys(Operation, 0) if behind else room,
            "realtime_factor": {kind: capacity.real_time_factor(kind, now_ns) for kind in Operation},
        }
        told = {name: {kind.name.lower(): each[kind] for kind in each} for name, each in figures.items()}
        gauges = {**self._sessions.gauges(), **told, **self._engine.counters()}
        return self._stats.snapshot(gauges, self._costs)

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
        """Run one bounded step; False when there was nothing to run, or nothing that may run now."""
        self.expire()
        now_ns = self._ask_again_ns = self._clock()
        head = self._sessions.next(now_ns)
        if head is None:
            return False
        seconds = self._granted_seconds(head, now_ns)
        if not seconds:
            return False
        self._run(self._policy.batch(head, self._sessions.companions(head), seconds), now_ns)
        return True

    def _granted_seconds(self, head: Session, now_ns: int) -> float:
        """How long a step for `head` may take; 0 = live streams are about to speak."""
        if not head.is_job and not head.is_ahead(now_ns):
            late_ns = head.lateness_ns(now_ns)
            self._lateness.note(late_ns, now_ns)
            return self._policy.live_seconds(late_ns / 1e9)
        if not self._sessions.has_streams:
            return self._policy.relaxed_seconds(head)
        shortest = self._policy.shortest_seconds(head)
        if self._attend is not None and head.is_job and not (head.bulk and self._core.is_contended):
            return max(shortest, self._policy.pausing_seconds(head))
        short, long = (max(shortest, s) for s in (self._limits.short_seconds, self._limits.target_seconds))
        if self._sessions.jobs.is_overdue(now_ns):
            return short
        due_ns = self._sessions.due_ns(now_ns)
        if not head.bulk:
            # Somebody waits for it: a live message that comes meanwhile waits for one short step at most.
            return min(long, max(short, self._slack.gap_seconds(due_ns, now_ns)))
        seconds, self._ask_again_ns = self._slack.grant(due_ns, now_ns, shortest)
        return min(seconds, long)

    def _interlude(self, batch: Batch, started_ns: int) -> Callable[[], None] | None:
        """What a step does between its layers; None: it runs through.

        That of a stream must: more of its input may come, and be next. So must a step of which half a second
        has passed, or live streams without end would keep it from ever being over.
        """
        attend = self._attend
        if attend is None or not batch.sessions[0].is_job or not self._sessions.has_streams:
            return None

        def interlude() -> None:
            with self._timer.away():
                try:
                    self._intake.stepped(self._unread_ns, self._clock())
                    attend()
                    while self._step_live(started_ns + INTERACTIVE_PATIENCE_NS):
                        attend()
                except Exception as error:
                    raise InterruptedWorkError from error
                self._unread_ns = self._clock()

        return interlude

    def _step_live(self, until_ns: int) -> bool:
        """Run a step of live streams if one is next and it is not yet `until_ns`; whether there was one."""
        now_ns = self._clock()
        head = self._sessions.next(now_ns) if now_ns < until_ns else None
        if head is None or head.is_job or head.is_ahead(now_ns):
            return False
        seconds = self._granted_seconds(head, now_ns)
        self._run(self._policy.batch(head, self._sessions.companions(head), seconds), now_ns)
        return True

    def _run(self, batch: Batch, started_ns: int) -> None:
        waiting_since_ns = [session.segments[0].waiting_since_ns for session in batch.sessions]
        predicted = self._costs[batch.operation].seconds(len(batch.sessions), batch.frames, batch.n_q)
        self._sessions.charge(batch.sessions, predicted, started_ns)
        self._unread_ns = started_ns
        began_ns, began_cpu_ns = self._timer.read()
        try:
            with pausing(self._interlude(batch, started_ns)):
                outputs = run_step(self._engine, batch)
        except Exception:
            # Whatever went wrong, the state of these rows is unknown and that of all others untouched.
            keys = [session.key for session in batch.sessions]
            _LOG.exception("a step failed", extra={"sessions": keys, "frames": batch.frames})
            self._fail_batch(batch)
            return
        own_ns, own_cpu_ns = self._timer.read()
        run_ns, cpu_ns = own_ns - began_ns, own_cpu_ns - began_cpu_ns
        self._core.note(run_ns, cpu_ns)
        self._intake.stepped(self._unread_ns, self._clock())
        self._count(batch, predicted, run_ns, cpu_ns)
        if not batch.sessions[0].is_job:
            self._slack.ran(run_ns, started_ns + run_ns)
        for session, output, since_ns in zip(batch.sessions, outputs, waiting_since_ns, strict=True):
            if self._sessions.has_ended(session) or not self._sessions.holds(session):
                continue
            if batch.operation == Operation.DECODE and not math.isfinite(output.sum()):
                self._fail_nonfinite(session)
                continue
            session.started_ns = session.started_ns or started_ns
            session.run_ns += run_ns
            if session.is_job:
                self._deliver_job(session, output)
            else:
                # Only what a real-time source would have spoken by now is due.
                late_ns = max(0, started_ns + run_ns - max(session.paced_ns, since_ns))
                self._count_message(batch.operation, late_ns / 1e9, is_first=session.started_ns == started_ns)
                session.pace(batch.frames, since_ns)
                self._deliver_stream(session, output, started_ns - since_ns, run_ns)

    def _count_message(self, operation: Operation, late_seconds: float, *, is_first: bool) -> None:
        self._stats.steps[operation].count_message(late_seconds, is_first=is_first)
        self._slack.earn(late_seconds)

    def _deliver_job(self, job: Session, output: Output) -> None:
        _, items = job.deliver(output)
        job.outputs.append(items)
        self._sessions.jobs.ran(job)
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

    def _fail_nonfinite(self, session: Session) -> None:
        self._stats.steps[session.operation].nonfinite_outputs += 1
        text = "the model gave NaN or infinity for this input; report this"
        self._intake.fail(session.key, ServiceError(Condition.INTERNAL, text))

    def _fail_batch(self, batch: Batch) -> None:
        self._stats.engine_errors += 1
        for session in batch.sessions:
            if self._sessions.has_ended(session):
                continue
            text = "the model failed on this step; the fault has been logged, try again"
            self._intake.fail(session.key, ServiceError(Condition.INTERNAL, text))

    def _count(self, batch: Batch, predicted_seconds: float, run_ns: int, cpu_ns: int) -> None:
        rows, head = len(batch.sessions), batch.sessions[0]
        timing = Timing(rows, batch.frames, batch.n_q, run_ns / 1e9)
        self._costs[batch.operation].observe(timing)
        self._capacity.observe(batch.operation, timing, self._clock())
        audio_seconds = batch.frames * head.geometry.frame_seconds
        step = Step(rows, rows * batch.frames, run_ns, predicted_seconds, audio_seconds, cpu_ns)
        name = class_of(is_job=head.is_job, bulk=head.bulk)
        self._stats.count_step(batch.operation, name, step)
