"""What a worker takes on: beyond these limits it refuses at once, it never queues hopefully."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from service.ipc import Operation
from service.places import check_audio, check_deadline, order_of, seconds_ahead
from service.status import Condition, ServiceError
from service.worker.capacity import Capacity
from service.worker.cost import CostModel
from service.worker.job_queue import JobQueue, Queued
from service.worker.lateness import Lateness
from service.worker.session import Session


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """`max_queued_audio_seconds`: of all jobs together; `max_pending_seconds`, `max_pending_inputs`: of
    one stream, a backstop behind the window of the front end.
    """

    max_queued_audio_seconds: float = 1800.0
    max_pending_seconds: float = 64.0
    max_pending_inputs: int = 4096


Q = TypeVar("Q", bound=Queued)


def admit(job: Q, queued: JobQueue[Q], run_seconds: Callable[[Q], float], limit: float) -> None:
    """Place a job in the order of its caller's jobs; `run_seconds`: predicted for what is left of one.

    Raises `ServiceError` OVERLOADED if there would be more than `limit` seconds of audio in the queue, or
    too much of this caller, or if the job would not be done before its deadline.
    """
    held = queued.held_seconds(job.caller, bulk=job.bulk)
    check_audio(held, limit, queued.audio_seconds, job.pending_seconds, bulk=job.bulk)
    own = run_seconds(job)
    job.order_ns = order_of(job.arrived_ns, own)
    if job.deadline_ns:
        ahead = seconds_ahead(job, own, queued, run_seconds)
        check_deadline((job.deadline_ns - job.arrived_ns) / 1e9, ahead, own)


class Admission:
    """Judges new work by predicted run times."""

    def __init__(
        self,
        capacity: Capacity,
        costs: Mapping[Operation, CostModel],
        lateness: Lateness,
        limits: QueueLimits,
    ) -> None:
        self._capacity = capacity
        self._costs = costs
        self._lateness = lateness
        self._limits = limits

    def job_seconds(self, job: Session) -> float:
        """Predicted run time of what is left of a job."""
        segment = job.segments[0]
        return self._costs[job.operation].seconds(1, segment.ready_frames, segment.n_q)

    def admit_job(self, job: Session, queued: JobQueue[Session]) -> None:
        """Place a job in the order of its caller's jobs; raises as `admit`."""
        admit(job, queued, self.job_seconds, self._limits.max_queued_audio_seconds)

    def is_behind(self, live: Mapping[Operation, int], now_ns: int) -> bool:
        """Whether the live streams that there are come late."""
        return any(live.values()) and self._lateness.is_behind(now_ns)

    def admit_stream(self, operation: Operation, live: Mapping[Operation, int], now_ns: int) -> None:
        """Raise `ServiceError` OVERLOADED if one stream more would not be served in real time: by what steps
        cost now, or because those that there are come late as it is."""
        count = sum(live.values())
        if self.is_behind(live, now_ns):
            raise _overloaded(f"{count} live streams are more than this worker serves in real time now")
        more = {kind: rows + (kind == operation) for kind, rows in live.items()}
        if not self._capacity.fits(more, now_ns):
            raise _overloaded(f"{count} live streams are all that this worker serves in real time")

    def check_pending(self, stream: Session) -> None:
        """Raise `ServiceError` if a stream was sent more input than a window's worth ahead of its results."""
        if stream.pending_seconds > self._limits.max_pending_seconds:
            raise _too_much(f"{stream.pending_seconds:.0f} s of audio")
        if stream.pending_inputs > self._limits.max_pending_inputs:
            raise _too_much(f"{stream.pending_inputs} messages")


def _overloaded(reason: str) -> ServiceError:
    return ServiceError(Condition.OVERLOADED, f"{reason}; try again later or elsewhere")


def _too_much(amount: str) -> ServiceError:
    return ServiceError(Condition.LIMIT_EXCEEDED, f"{amount} of unprocessed input in one stream; send slower")
