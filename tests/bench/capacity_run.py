"""All that is measured with one kind of live client on one service: a curve, a search, a confirming run."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.bench.search import confirmed, largest_passing
from tests.bench.stream_point import Bench, Definition, Point
from tests.load.schedule import Kind

SHARE = 0.7
"""Of what the service says that it carries: how far a machine should be filled."""

_VOID_TRIES = 3
_START = 8
_WARM_UP_SECONDS = 2.0


@dataclass(slots=True)
class CapacityRun:
    """Points of one kind of client, each told to `tell` as soon as it is there.

    `points`: every run that counts, in order; `first`: a short one of few clients, from which memory is
    counted; `largest`: the run that confirmed.
    """

    bench: Bench
    kind: Kind
    definition: Definition
    tell: Callable[[Point], None]
    points: list[Point] = field(default_factory=list, init=False)
    first: Point | None = field(default=None, init=False)
    largest: Point | None = field(default=None, init=False)

    def warm_up(self, clients: int) -> None:
        """Have every part of the service run once, with one client for each worker."""
        self.first = self.bench.point(self.kind, clients, _WARM_UP_SECONDS)

    def curve(self, counts: list[int], seconds: float) -> None:
        """So many clients each."""
        for count in counts:
            self._take(count, seconds)

    def confirm(self, count: int, seconds: float) -> bool:
        """Whether so many are served for so long. A void run has taken its time, and is not taken again."""
        point = self._take(count, seconds, tries=1)
        if point.faults(self.definition):
            return False
        self.largest = point
        return True

    def search(self, announced: float | None, limit: int, seconds: tuple[float, float]) -> None:
        """The largest number of clients; `seconds` of a run of the search, and of the one that confirms.

        Upwards from 70 % of what the service says that it carries.
        """
        start = round(SHARE * announced) if announced else _START
        found = largest_passing(lambda count: self._passes(count, seconds[0]), start, limit)
        confirmed(lambda count: self.confirm(count, seconds[1]), found)

    def memory_kb(self) -> tuple[float, float] | None:
        """Of a client more: in all workers, and in the front end; None if all runs had as few as the first.

        By the first run of the largest number: memory that was used once stays with the process.
        """
        most = max(self.points, key=lambda point: point.clients)
        if self.first is None or most.clients <= self.first.clients:
            return None
        more = most.clients - self.first.clients
        worker = most.worker_mb - self.first.worker_mb
        return 1024 * worker / more, 1024 * (most.front_end_mb - self.first.front_end_mb) / more

    def _passes(self, count: int, seconds: float) -> bool:
        return not self._take(count, seconds).faults(self.definition)

    def _take(self, count: int, seconds: float, tries: int = _VOID_TRIES) -> Point:
        """A point, again if the generator was late."""
        point = self.bench.point(self.kind, count, seconds)
        for _ in range(tries - 1):
            if point.outcome.punctuality.on_time:
                break
            self.tell(point)
            point = self.bench.point(self.kind, count, seconds)
        self.points.append(point)
        self.tell(point)
        return point
