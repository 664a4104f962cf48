"""Which sessions step next, and by how much: live first, then jobs, never waiting to fill a batch."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from service.ipc import Operation
from service.worker.cost import CostModel
from service.worker.session import Session


@dataclass(frozen=True, slots=True)
class Batch:
    """One step: every session moves on by the same number of frames, with the largest n_q among them."""

    operation: Operation
    frames: int
    n_q: int
    sessions: tuple[Session, ...]


@dataclass(frozen=True, slots=True)
class StepLimits:
    """`target_seconds`: predicted run time that a step of more than one frame stays within while there
    are live streams, which is how long a live message may have to wait behind other work.
    `relaxed_seconds`: the same while there are none, for longer steps waste less on what every step
    costs. `max_rows`, `max_frames`: bounds on memory.
    """

    target_seconds: float = 0.020
    relaxed_seconds: float = 0.040
    max_rows: int = 64
    max_frames: int = 500


class Policy:
    """Sizes steps by what they are predicted to cost."""

    def __init__(self, costs: Mapping[Operation, CostModel], limits: StepLimits) -> None:
        self._costs = costs
        self._limits = limits

    def chunk(self, session: Session, target_seconds: float) -> int:
        """Frames for the next step of a session: all that is ready, or even parts of it within the target."""
        segment = session.segments[0]
        ready = segment.ready_frames
        cost = self._costs[session.operation]
        most = min(self._limits.max_frames, cost.frames_within(target_seconds, segment.n_q))
        parts = -(-ready // most)
        return -(-ready // parts)

    def batch(self, head: Session, others: Iterable[Session], *, live: bool) -> Batch:
        """`head` with those that have the same chunk and gain from running together.

        `live`: streams are open. A companion must not make the step longer than the target, nor cost
        more than it would alone: with a model that is bound by arithmetic, long chunks then run row by
        row, and short live chunks, whose fixed cost weighs more, together.
        """
        target_seconds = self._limits.target_seconds if live else self._limits.relaxed_seconds
        frames = self.chunk(head, target_seconds)
        cost = self._costs[head.operation]
        sessions = [head]
        n_q = head.segments[0].n_q
        predicted = cost.seconds(1, frames, n_q)
        for other in others:
            if len(sessions) == self._limits.max_rows:
                break
            if (
                other is head
                or other.operation != head.operation
                or self.chunk(other, target_seconds) != frames
            ):
                continue
            other_n_q = other.segments[0].n_q
            joint_n_q = max(n_q, other_n_q)
            joint = cost.seconds(len(sessions) + 1, frames, joint_n_q)
            if joint <= min(target_seconds, predicted + cost.seconds(1, frames, other_n_q)):
                sessions.append(other)
                n_q, predicted = joint_n_q, joint
        return Batch(head.operation, frames, n_q, tuple(sessions))


def next_in_line(ready: Iterable[Session], jobs: Iterable[Session], now_ns: int) -> Session | None:
    """The session to step next; `ready` streams in the order in which they became so, `jobs` in theirs.

    A live stream that keeps to real time goes before everything. One that pushes a recording through
    faster than it could be spoken queues among the jobs by the arrival of its input.
    """
    earliest: Session | None = None
    earliest_ns = 0
    for session in ready:
        if not session.is_ahead(now_ns):
            return session
        since_ns = session.segments[0].waiting_since_ns
        if earliest is None or since_ns < earliest_ns:
            earliest, earliest_ns = session, since_ns
    job = next(iter(jobs), None)
    if job is not None and (earliest is None or job.order_ns <= earliest_ns):
        return job
    return earliest
