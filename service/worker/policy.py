"""Which sessions step together, and by how much: steps are bounded, and never wait to fill a batch."""

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
    are live streams. `catch_up_seconds`: how far steps of live streams that are late grow, so that what
    every step costs weighs less. `short_seconds`: how long a step of interactive work, or of bulk that has
    waited for too long, may be whatever is due, unless that is of no use. `pausing_seconds`: likewise of
    bulk where steps pause for live streams, which then wait for one layer of it. `relaxed_seconds`: the
    bound while there are no live streams, and `relaxed_fixed` that in what every step costs: the larger of
    both holds. `max_rows`, `max_frames`: bounds on memory.
    """

    target_seconds: float = 0.020
    catch_up_seconds: float = 0.100
    short_seconds: float = 0.010
    pausing_seconds: float = 0.004
    relaxed_seconds: float = 0.040
    relaxed_fixed: float = 10.0
    max_rows: int = 64
    max_frames: int = 500


class Policy:
    """Sizes steps by what they are predicted to cost."""

    def __init__(self, costs: Mapping[Operation, CostModel], limits: StepLimits) -> None:
        self._costs = costs
        self._limits = limits

    def chunk(self, session: Session, target_seconds: float, rows: int = 1) -> int:
        """Frames for the next step of a session: all that is ready, or even parts of it within the target.

        `rows`: how many sessions there are to move on by so much.
        """
        segment = session.segments[0]
        ready = segment.ready_frames
        cost = self._costs[session.operation]
        most = min(self._limits.max_frames, cost.frames_within(target_seconds, segment.n_q, rows))
        parts = -(-ready // most)
        return -(-ready // parts)

    def live_seconds(self, late_seconds: float) -> float:
        """How long a step of live streams may take that are so late."""
        limits = self._limits
        return min(limits.catch_up_seconds, max(limits.target_seconds, late_seconds))

    def relaxed_seconds(self, head: Session) -> float:
        """How long a step may take while there are no live streams."""
        limits, cost = self._limits, self._costs[head.operation]
        return max(limits.relaxed_seconds, limits.relaxed_fixed * cost.fixed * cost.correction)

    def pausing_seconds(self, head: Session) -> float:
        """How long a step may take that pauses for live streams: they wait for one layer of it."""
        return self._limits.pausing_seconds if head.bulk else self._limits.target_seconds

    def shortest_seconds(self, head: Session) -> float:
        """The shortest step of `head` that is of use: half of it is more than what every step costs."""
        segment, cost = head.segments[0], self._costs[head.operation]
        frames = min(
            segment.ready_frames,
            cost.even_frames(segment.n_q),
            cost.frames_within(self._limits.catch_up_seconds, segment.n_q),
        )
        return cost.seconds(1, frames, segment.n_q)

    def batch(self, head: Session, others: Iterable[Session], target_seconds: float) -> Batch:
        """`head` with those that have the same chunk and gain from running together.

        A companion must not make the step longer than the target, nor cost more than it would alone: with
        a model that is bound by arithmetic, long chunks then run row by row, and short live chunks, whose
        fixed cost weighs more, together. Where frames are cheaper in company, jobs take shorter chunks
        together, whatever each of them has left.
        """
        cost = self._costs[head.operation]
        others = [other for other in others if other is not head and other.operation == head.operation]
        rows = min(self._limits.max_rows, 1 + len(others), cost.gaining_rows(head.segments[0].n_q))
        rows = rows if head.is_job else 1
        frames = self.chunk(head, target_seconds, rows)
        sessions = [head]
        n_q = head.segments[0].n_q
        predicted = cost.seconds(1, frames, n_q)
        for other in others:
            if len(sessions) == self._limits.max_rows:
                break
            fits = other.ready_frames >= frames if rows > 1 else self.chunk(other, target_seconds) == frames
            if not fits:
                continue
            other_n_q = other.segments[0].n_q
            joint_n_q = max(n_q, other_n_q)
            joint = cost.seconds(len(sessions) + 1, frames, joint_n_q)
            if joint <= min(target_seconds, predicted + cost.seconds(1, frames, other_n_q)):
                sessions.append(other)
                n_q, predicted = joint_n_q, joint
        return Batch(head.operation, frames, n_q, tuple(sessions))
