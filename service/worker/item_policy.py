"""Which pieces of whole items run together: those of like length, as far as a batch gains by it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from service.ipc import Operation
from service.worker.cost import CostModel
from service.worker.engine import Piece
from service.worker.item_job import ItemJob


@dataclass(frozen=True, slots=True)
class ItemLimits:
    """Bounds on a batch of more than one piece. `max_rows` pieces; `max_padded_seconds` of audio, each piece
    counted as long as the longest; `target_seconds` of predicted run time, for nothing else runs meanwhile.
    """

    max_rows: int = 64
    max_padded_seconds: float = 120.0
    target_seconds: float = 0.5


@dataclass(frozen=True, slots=True)
class ItemBatch:
    """One step: pieces padded to `frames` of the longest, coded with `n_q`, the largest among them.

    `own_frames`: of all pieces without padding; `jobs`: whose piece each is, a job's pieces in their order.
    """

    operation: Operation
    frames: int
    n_q: int
    own_frames: int
    jobs: tuple[ItemJob, ...]
    pieces: tuple[Piece, ...]


class ItemPolicy:
    """Puts batches together by what they are predicted to cost."""

    def __init__(
        self, costs: Mapping[Operation, CostModel], frame_seconds: float, limits: ItemLimits
    ) -> None:
        self._costs = costs
        self._limits = limits
        self._max_padded_frames = limits.max_padded_seconds / frame_seconds

    def run_seconds(self, job: ItemJob) -> float:
        """Predicted run time of what is left of a job."""
        cost = self._costs[job.operation]
        return sum(cost.seconds(1, job.frames[number], job.n_q) for number in job.left)

    def batch(self, jobs: Iterable[ItemJob]) -> ItemBatch:
        """The next step of `jobs`, which are in their order and of which there is one at least.

        A piece joins the first one if all together are predicted to take no longer than before and after
        one another. Padding thereby costs no more than a step by itself: long and short do not mix.
        """
        candidates = ((job, number) for job in jobs for number in job.left)
        head, first = next(candidates)
        cost = self._costs[head.operation]
        chosen, frames, n_q = [(head, first)], head.frames[first], head.n_q
        predicted = cost.seconds(1, frames, n_q)
        passed = set[ItemJob]()
        for job, number in candidates:
            if len(chosen) == self._limits.max_rows:
                break
            if job.operation != head.operation or job in passed:
                continue
            own = job.frames[number]
            longest, most, rows = max(frames, own), max(n_q, job.n_q), len(chosen) + 1
            joint = cost.seconds(rows, longest, most)
            apart = predicted + cost.seconds(1, own, job.n_q)
            if joint > min(self._limits.target_seconds, apart) or rows * longest > self._max_padded_frames:
                # The pieces of a job run in their order.
                passed.add(job)
                continue
            chosen.append((job, number))
            frames, n_q, predicted = longest, most, joint
        own_frames = sum(job.frames[number] for job, number in chosen)
        pieces = tuple(job.item.pieces[number] for job, number in chosen)
        return ItemBatch(head.operation, frames, n_q, own_frames, tuple(job for job, _ in chosen), pieces)
