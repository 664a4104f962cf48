"""Batches prepared ahead by threads; which ones, and what is in them, stays a function of the step."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from training.data import Batch


class Prefetch:
    """Calls `batch_of` for the steps to come; with no workers, only when a step asks.

    Decoding and resampling run outside Python's lock, so threads are enough.
    """

    def __init__(self, batch_of: Callable[[int], Batch], workers: int) -> None:
        self._batch_of = batch_of
        self._workers = workers
        self._pool = ThreadPoolExecutor(workers, "batch") if workers else None
        self._ahead: dict[int, Future[Batch]] = {}

    def get(self, step: int) -> Batch:
        """The batch of a step; those of the next steps are begun. Raises what `batch_of` raises."""
        if self._pool is None:
            return self._batch_of(step)
        for next_step in range(step, step + self._workers + 1):
            if next_step not in self._ahead:
                self._ahead[next_step] = self._pool.submit(self._batch_of, next_step)
        return self._ahead.pop(step).result()

    def close(self) -> None:
        """End the threads; what was begun is dropped."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        self._ahead.clear()
