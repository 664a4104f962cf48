"""What a worker takes on: beyond these limits it refuses at once, it never queues hopefully."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from service.ipc import Operation
from service.places import check_place
from service.status import Condition, ServiceError
from service.worker.cost import CostModel
from service.worker.engine import Geometry
from service.worker.job_queue import Queued
from service.worker.session import Session

_STRETCH = 2
"""A job may be overtaken by its caller's for as long as twice its own run time: short ones pass long ones,
none starves."""

_LIVE_MESSAGE_SECONDS = 0.08
_LIVE_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """`max_queued_audio_seconds`: of all jobs together; `max_pending_seconds`, `max_pending_inputs`: of
    one stream, a backstop behind the window of the front end.
    """

    max_queued_audio_seconds: float = 1800.0
    max_pending_seconds: float = 64.0
    max_pending_inputs: int = 4096


Q = TypeVar("Q", bound=Queued)


def admit(job: Q, queued: Collection[Q], run_seconds: Callable[[Q], float], limit: float) -> None:
    """Place a job in the order of its caller's jobs; `run_seconds`: predicted for what is left of one.

    Raises `ServiceError` OVERLOADED if there would be more than `limit` seconds of audio in the queue, or
    too much of this caller, or if the job would not be done before its deadline.
    """
    total = sum(other.pending_seconds for other in queued)
    if total + job.pending_seconds > limit:
        raise _overloaded(f"{total:.0f} s of audio are queued")
    held = sum(other.pending_seconds for other in queued if _same_line(other, job))
    check_place(held, limit, total, bulk=job.bulk)
    own = run_seconds(job)
    job.order_ns = job.arrived_ns + round(_STRETCH * own * 1e9)
    if not job.deadline_ns:
        return
    ahead = _seconds_ahead(job, own, queued, run_seconds)
    if job.arrived_ns + (ahead + own) * 1e9 > job.deadline_ns:
        raise _overloaded(f"{ahead:.1f} s of work are queued, too much for the deadline of the request")


def _seconds_ahead(job: Q, own: float, queued: Iterable[Q], run_seconds: Callable[[Q], float]) -> float:
    """Work that is done before the job is: better classes, what its caller sent before, and as much of each
    of the other callers as they get turns meanwhile."""
    before = own_before = 0.0
    others: dict[int, float] = {}
    for other in queued:
        if _same_line(other, job):
            own_before += run_seconds(other) if other.order_ns <= job.order_ns else 0.0
        elif other.bulk == job.bulk:
            others[other.caller] = others.get(other.caller, 0.0) + run_seconds(other)
        elif job.bulk:
            before += run_seconds(other)
    return before + own_before + sum(min(theirs, own_before + own) for theirs in others.values())


def _same_line(one: Queued, other: Queued) -> bool:
    return (one.caller, one.bulk) == (other.caller, other.bulk)


class Admission:
    """Judges new work by predicted run times."""

    def __init__(self, geometry: Geometry, costs: Mapping[Operation, CostModel], limits: QueueLimits) -> None:
        self._geometry = geometry
        self._costs = costs
        self._limits = limits

    def job_seconds(self, job: Session) -> float:
        """Predicted run time of what is left of a job."""
        segment = job.segments[0]
        return self._costs[job.operation].seconds(1, segment.ready_frames, segment.n_q)

    def admit_job(self, job: Session, queued: Collection[Session]) -> None:
        """Place a job in the order of its caller's jobs; raises as `admit`."""
        admit(job, queued, self.job_seconds, self._limits.max_queued_audio_seconds)

    def admit_stream(self, operation: Operation, live: Mapping[Operation, int], n_q: int) -> None:
        """Raise `ServiceError` OVERLOADED if one stream more would not be served in real time.

        The live streams of this worker must be able to step a message of 80 ms each within 80 % of its
        duration; with shorter messages they batch into fewer, longer steps as load rises.
        """
        frames = max(1, round(_LIVE_MESSAGE_SECONDS / self._geometry.frame_seconds))
        needed = 0.0
        for kind, cost in self._costs.items():
            rows = live[kind] + (kind == operation)
            needed += cost.seconds(rows, frames, n_q) if rows else 0.0
        if needed > _LIVE_SHARE * frames * self._geometry.frame_seconds:
            count = sum(live.values())
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
