"""The whole-item jobs of a worker by key, and in the order in which they run."""

from collections.abc import Iterator

from service.worker.item_job import ItemJob
from service.worker.job_queue import JobQueue
from service.worker.session import SessionKey


class ItemQueue:
    """Jobs that stand in line from the moment they are known; those of a blocked front end wait."""

    def __init__(self) -> None:
        self._blocked: set[int] = set()
        self.jobs = JobQueue[ItemJob](self._blocked)
        self._by_key: dict[SessionKey, ItemJob] = {}

    def __len__(self) -> int:
        return len(self._by_key)

    def __contains__(self, key: SessionKey) -> bool:
        return key in self._by_key

    def add(self, job: ItemJob) -> None:
        """Put an admitted job in line."""
        self.jobs.add(job)
        self._by_key[job.key] = job

    def drop(self, key: SessionKey) -> bool:
        """Forget a job; False if there is none."""
        job = self._by_key.pop(key, None)
        if job is None:
            return False
        self.jobs.discard(job)
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

    def line(self, now_ns: int) -> Iterator[ItemJob]:
        """The job whose turn it is, then those that might run together with it, best first."""
        head = self.jobs.next(now_ns, {})
        if head is None:
            return
        yield head
        yield from (job for job in self.jobs.companions(head) if job is not head)
