"""The jobs of a worker in the order in which they run: by class, callers in turn, each one's own by time."""

from bisect import insort
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from itertools import chain
from typing import Generic, Protocol, TypeVar

from service.worker.session import SessionKey
from service.worker.turns import Turns

INTERACTIVE_PATIENCE_NS = 500_000_000
BULK_PATIENCE_NS = 1_000_000_000
"""How long the jobs of a class wait at most, for better classes, until one step of them is run first."""


class Queued(Protocol):
    """A job as the queue sees it; times of the monotonic clock, deadline 0 = none.

    `caller`: who asked, as a number; `bulk`: it runs when nothing else does; `order_ns`: the order among
    jobs of one caller and class.
    """

    key: SessionKey
    caller: int
    bulk: bool
    arrived_ns: int
    deadline_ns: int
    order_ns: int

    @property
    def pending_seconds(self) -> float:
        """Audio that has not been run."""


Q = TypeVar("Q", bound=Queued)


class JobQueue(Generic[Q]):
    """Interactive jobs go before bulk, but for one step when bulk has waited for its patience.

    Jobs of the connections in `blocked`, which is shared with the owner, are passed over.
    """

    def __init__(self, blocked: Set[int]) -> None:
        self._blocked = blocked
        self._interactive = _Class[Q](INTERACTIVE_PATIENCE_NS)
        self._bulk = _Class[Q](BULK_PATIENCE_NS)

    def __len__(self) -> int:
        return len(self._interactive) + len(self._bulk)

    def __iter__(self) -> Iterator[Q]:
        return chain(self._interactive, self._bulk)

    @property
    def audio_seconds(self) -> float:
        """Audio of all jobs that is still to be run."""
        return self._interactive.audio_seconds + self._bulk.audio_seconds

    @property
    def has_work(self) -> bool:
        """Whether a job could run now."""
        return any(job.key.connection not in self._blocked for job in self)

    def held(self, caller: int, *, bulk: bool) -> int:
        """Jobs of a caller in a class."""
        return self._class(bulk).held(caller)

    def held_seconds(self, caller: int, *, bulk: bool) -> float:
        """Audio of a caller in a class that is still to be run."""
        return self._class(bulk).held_seconds(caller)

    def gauges(self) -> dict[str, dict[str, float]]:
        """Jobs and seconds of audio by class."""
        classes = {"interactive": self._interactive, "bulk": self._bulk}
        return {
            name: {"depth": len(jobs), "audio_seconds": jobs.audio_seconds} for name, jobs in classes.items()
        }

    def add(self, job: Q) -> None:
        """Put an admitted job in line."""
        self._class(job.bulk).add(job)

    def ran(self, job: Q) -> None:
        """A step has run that was part of a job."""
        self._class(job.bulk).count(job)

    def discard(self, job: Q) -> None:
        """Forget a job; harmless if it is not in line."""
        self._class(job.bulk).discard(job)

    def is_overdue(self, now_ns: int) -> bool:
        """Whether a class has waited for live streams, or for a better class, longer than its patience."""
        return any(jobs.is_overdue(now_ns, self._blocked) for jobs in (self._interactive, self._bulk))

    def next(self, now_ns: int, others: Mapping[int, Q]) -> Q | None:
        """The job to step next; `others`: work, by caller, that stands in line with interactive jobs."""
        interactive, bulk, blocked = self._interactive, self._bulk, self._blocked
        if bulk.is_overdue(now_ns, blocked) and not interactive.is_overdue(now_ns, blocked):
            return bulk.first({}, blocked)
        first = interactive.first(others, blocked)
        return bulk.first({}, blocked) if first is None else first

    def companions(self, head: Q) -> Iterator[Q]:
        """Jobs that might step together with `head`: those of its caller first, then all of its class."""
        return self._class(head.bulk).beside(head, self._blocked)

    def charge(self, batch: Sequence[Q], seconds: float, now_ns: int) -> None:
        """A step of so long runs, the first of the batch being the job whose turn it is: its caller pays.

        What others have in it goes free: it joined because that costs less than a step of its own.
        """
        head = batch[0]
        own = sum(job.caller == head.caller for job in batch)
        self._class(head.bulk).charge(head.caller, seconds * own / len(batch), now_ns)

    def _class(self, bulk: bool) -> "_Class[Q]":
        return self._bulk if bulk else self._interactive


class _Class(Generic[Q]):
    """Jobs of one class by caller."""

    def __init__(self, patience_ns: int) -> None:
        self._patience_ns = patience_ns
        self._jobs: dict[int, list[Q]] = {}
        self._seconds: dict[Q, float] = {}
        self._held_seconds: dict[int, float] = {}
        self._turns = Turns()
        self._served_ns = 0

    def __len__(self) -> int:
        return len(self._seconds)

    def __iter__(self) -> Iterator[Q]:
        return chain.from_iterable(self._jobs.values())

    @property
    def audio_seconds(self) -> float:
        return sum(self._held_seconds.values())

    def held(self, caller: int) -> int:
        return len(self._jobs.get(caller, ()))

    def held_seconds(self, caller: int) -> float:
        return self._held_seconds.get(caller, 0.0)

    def add(self, job: Q) -> None:
        if not self._jobs:
            self._served_ns = max(self._served_ns, job.arrived_ns)
        insort(self._jobs.setdefault(job.caller, []), job, key=lambda other: other.order_ns)
        self._held_seconds.setdefault(job.caller, 0.0)
        self._seconds[job] = 0.0
        self.count(job)

    def count(self, job: Q) -> None:
        if job in self._seconds:
            seconds = job.pending_seconds
            self._held_seconds[job.caller] += seconds - self._seconds[job]
            self._seconds[job] = seconds

    def discard(self, job: Q) -> None:
        own = self._jobs.get(job.caller)
        if own is None or job not in own:
            return
        own.remove(job)
        self._held_seconds[job.caller] -= self._seconds.pop(job)
        if not own:
            # With the last job goes what rounding has left.
            del self._jobs[job.caller], self._held_seconds[job.caller]

    def is_overdue(self, now_ns: int, blocked: Set[int]) -> bool:
        if not self._jobs or now_ns - self._served_ns <= self._patience_ns:
            return False
        return next(_unblocked(self, blocked), None) is not None

    def first(self, others: Mapping[int, Q], blocked: Set[int]) -> Q | None:
        if not self._jobs and not others:
            return None
        heads = dict(others)
        for caller, own in self._jobs.items():
            job = next(_unblocked(own, blocked), None)
            if job is not None and (caller not in heads or job.order_ns <= heads[caller].order_ns):
                heads[caller] = job
        return heads[self._turns.first(heads.keys())] if heads else None

    def beside(self, head: Q, blocked: Set[int]) -> Iterator[Q]:
        own = self._jobs.get(head.caller, ())
        rest = (jobs for caller, jobs in self._jobs.items() if caller != head.caller)
        return _unblocked(chain(own, chain.from_iterable(rest)), blocked)

    def charge(self, caller: int, seconds: float, now_ns: int) -> None:
        self._served_ns = now_ns
        self._turns.charge(caller, seconds)


def _unblocked(jobs: Iterable[Q], blocked: Set[int]) -> Iterator[Q]:
    return (job for job in jobs if job.key.connection not in blocked)
