"""One version of a model as it runs: a number of seats, all alike."""

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace

from service.supervisor.seat import Rejection, Seat, WorkerPlan

_MAX_FAILED_STARTS = 3


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker that serves: where, and by which process."""

    id: str
    socket: str
    pid: int


class Deployment:
    """All workers of one version."""

    def __init__(self, plan: WorkerPlan, changed: Callable[[], None]) -> None:
        self.version = plan.version
        devices = itertools.islice(itertools.cycle(plan.config.devices), plan.config.workers)
        self._seats = [Seat(replace(plan, device=device), changed) for device in devices]
        self._stopping: dict[Seat, asyncio.Task[None]] = {}

    @property
    def workers(self) -> list[Worker]:
        """The workers that serve."""
        return [
            Worker(seat.worker.id, str(seat.worker.socket), seat.pid)
            for seat in self._seats
            if seat.worker is not None
        ]

    @property
    def starting(self) -> list[int]:
        """The processes that do not serve yet."""
        return [seat.pid for seat in self._seats if seat.worker is None and seat.pid]

    @property
    def is_complete(self) -> bool:
        """Whether every seat has a worker that serves."""
        return all(seat.worker is not None for seat in self._seats)

    @property
    def is_over(self) -> bool:
        """Whether nothing of it runs any more."""
        return all(seat.is_over for seat in self._seats)

    @property
    def rejection(self) -> Rejection | None:
        """Why the version must not be served: a gate failed, or workers keep dying before they are ready."""
        for seat in self._seats:
            if seat.rejection is not None:
                return seat.rejection
        for seat in self._seats:
            if seat.failed_starts >= _MAX_FAILED_STARTS:
                reason = (
                    f"{seat.failed_starts} workers ended before they were ready, with {seat.last_failure}"
                )
                return Rejection("load", reason)
        return None

    def retire_worker(self, worker_id: str) -> None:
        """Stop one worker and do not replace it."""
        for seat in self._seats:
            if seat.worker is not None and seat.worker.id == worker_id:
                self._stop(seat)

    def retire(self) -> None:
        """Stop all workers and replace none."""
        for seat in self._seats:
            self._stop(seat)

    def retire_vacant(self) -> None:
        """Give up the seats without a worker: a version on its way out gets no new ones."""
        for seat in self._seats:
            if seat.worker is None:
                self._stop(seat)

    async def stopped(self) -> None:
        """Wait until everything that was told to stop has stopped."""
        await asyncio.gather(*self._stopping.values())

    def kill(self) -> None:
        """End every process now."""
        for seat in self._seats:
            seat.kill()

    def _stop(self, seat: Seat) -> None:
        if seat not in self._stopping:
            self._stopping[seat] = asyncio.create_task(seat.stop())
