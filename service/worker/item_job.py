"""A job on a whole item: its pieces, which have been run, and what they became."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from service.ipc import Operation
from service.samples import SampleForm
from service.worker.cutter import CutItem
from service.worker.engine import Piece
from service.worker.session import SessionKey


@dataclass(slots=True, eq=False)
class ItemJob:
    """Pieces are run from the first to the last, several in one step where they gain from it.

    `deadline_ns`: monotonic clock, 0 = none. `caller`, `bulk`, `order_ns`: see `Queued`. `frames`: of each
    piece.
    """

    key: SessionKey
    n_q: int
    item: CutItem
    frames: Sequence[int]
    frame_seconds: float
    arrived_ns: int
    deadline_ns: int
    caller: int = field(default=0, init=False)
    bulk: bool = field(default=False, init=False)
    order_ns: int = field(default=0, init=False)
    started_ns: int = field(default=0, init=False)
    run_ns: int = field(default=0, init=False)
    done: list[Piece] = field(default_factory=list, init=False)

    @property
    def form(self) -> SampleForm:
        """The form of samples that are given."""
        return self.item.form

    @property
    def operation(self) -> Operation:
        """What is done with the item."""
        return self.item.operation

    @property
    def left(self) -> range:
        """Numbers of the pieces that are still to be run."""
        return range(len(self.done), len(self.frames))

    @property
    def pending_seconds(self) -> float:
        """Audio that has not been run."""
        return sum(self.frames[number] for number in self.left) * self.frame_seconds
