"""The whole-item jobs of a worker and their order."""

from bisect import insort
from collections.abc import Iterator

from service.worker.item_job import ItemJob
from service.worker.session import SessionKey


class ItemQueue:
    """Jobs in the order in which they run; those of a blocked front end wait."""

    def __init__(self) -> None:
        self.jobs: list[ItemJob] = []
        self._by_key: dict[SessionKey, ItemJob] = {}
        self._blocked: set[int] = set()

    def __len__(self) -> int:
        return len(self.jobs)

    def __contains__(self, key: SessionKey) -> bool:
        return key in self._by_key

    @property
    def audio_seconds(self) -> float:
        """Audio of all jobs that is still to be run."""
        return sum(job.pending_seconds for job in self.jobs)

    def add(self, job: ItemJob) -> None:
        """Put an admitted job in line."""
        insort(self.jobs, job, key=lambda other: other.order_ns)
        self._by_key[job.key] = job

    def drop(self, key: SessionKey) -> bool:
        """Forget a job; False if there is none."""
        job = self._by_key.pop(key, None)
        if job is None:
            return False
        self.jobs.remove(job)
        return True

    def of_connection(self, connection: int) -> list[SessionKey]:
        """The jobs of a front end."""
        return [key for key in self._by_key if key.connection == connection]

    def set_blocked(self, connection: int, blocked: bool) -> None:
        """Leave the jobs of a front end out of the line, or take them in again."""
        if blocked:
            self._blocked.add(connection)
        else:
            self._blocked.discard(connection)

    def runnable(self) -> Iterator[ItemJob]:
        """The jobs that may run, in their order."""
        return (job for job in self.jobs if job.key.connection not in self._blocked)
