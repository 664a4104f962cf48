"""All sessions of a worker, the rows that they hold, and who is in line."""

from bisect import insort
from collections.abc import Iterator

from service.ipc import Message, Operation, ProtocolError
from service.status import Condition, ServiceError
from service.worker.engine import Geometry
from service.worker.policy import next_in_line
from service.worker.session import Session, SessionKey
from service.worker.slots import SlotPool


class Sessions:
    """Rows `0 .. slots - 1` of the engine belong to live streams, the `max_jobs` rows after them to jobs."""

    def __init__(self, geometry: Geometry, slots: int, max_jobs: int) -> None:
        self.jobs: list[Session] = []
        self._geometry = geometry
        self._stream_rows = SlotPool(slots)
        self._job_rows = SlotPool(max_jobs, first_row=slots)
        self._all: dict[SessionKey, Session] = {}
        self._ready: dict[SessionKey, Session] = {}
        self._blocked: set[int] = set()

    def __len__(self) -> int:
        return len(self._all)

    @property
    def has_streams(self) -> bool:
        """Whether any live stream is open."""
        return self._stream_rows.used > 0

    @property
    def queued_audio_seconds(self) -> float:
        """Audio of all jobs that is still to be run."""
        return sum(job.pending_seconds for job in self.jobs)

    def get(self, key: SessionKey) -> Session | None:
        """The session, if there is one."""
        return self._all.get(key)

    def of_connection(self, connection: int) -> list[Session]:
        """The sessions of a front end."""
        return [session for session in self._all.values() if session.key.connection == connection]

    def create(self, key: SessionKey, message: Message, *, is_job: bool, now_ns: int) -> Session:
        """A session with a row of its own, for a JOB or an OPEN.

        Raises `ProtocolError` for a session that exists, `ServiceError` OVERLOADED when all rows are held.
        """
        if key in self._all:
            raise ProtocolError(f"session {key.session} exists already")
        rows = self._job_rows if is_job else self._stream_rows
        lease = rows.acquire()
        if lease is None:
            what = "one-shot requests" if is_job else "live streams"
            text = f"all {rows.size} places for {what} are taken; try again later"
            raise ServiceError(Condition.OVERLOADED, text)
        session = Session(
            key=key,
            operation=Operation(message.operation),
            n_q=message.n_q,
            lease=lease,
            geometry=self._geometry,
            is_job=is_job,
            arrived_ns=now_ns,
            deadline_ns=message.value if is_job else 0,
        )
        self._all[key] = session
        return session

    def enqueue(self, job: Session) -> None:
        """Put an admitted job in line."""
        insort(self.jobs, job, key=lambda other: other.order_ns)

    def line_up(self, stream: Session) -> None:
        """Put a stream in line if a frame of it is ready, where it keeps its place; else take it out."""
        if stream.ready_frames:
            self._ready.setdefault(stream.key, stream)
        else:
            self.step_aside(stream)

    def step_aside(self, stream: Session) -> None:
        """Take a stream out of the line; it comes back at the end."""
        self._ready.pop(stream.key, None)

    def drop(self, session: Session) -> None:
        """Forget a session and free its row."""
        del self._all[session.key]
        self._ready.pop(session.key, None)
        if session in self.jobs:
            self.jobs.remove(session)
        (self._job_rows if session.is_job else self._stream_rows).release(session.lease)

    def holds(self, session: Session) -> bool:
        """Whether the session is still the holder of its row; if not, that is counted."""
        return (self._job_rows if session.is_job else self._stream_rows).holds(session.lease)

    def live(self) -> dict[Operation, int]:
        """Number of open streams."""
        count = dict.fromkeys(Operation, 0)
        for session in self._all.values():
            count[session.operation] += not session.is_job
        return count

    def set_blocked(self, connection: int, blocked: bool) -> None:
        """Leave the sessions of a front end out of the line, or take them in again."""
        if blocked:
            self._blocked.add(connection)
        else:
            self._blocked.discard(connection)

    def next(self, now_ns: int) -> Session | None:
        """The session to step next."""
        return next_in_line(self._unblocked_streams(), self._unblocked_jobs(), now_ns)

    def companions(self, head: Session) -> Iterator[Session]:
        """Sessions that might step together with `head`, best first."""
        return self._unblocked_jobs() if head.is_job else self._unblocked_streams()

    def gauges(self) -> dict[str, int | float]:
        """Present amounts, for the stats."""
        return {
            "slots": self._stream_rows.size,
            "slots_used": self._stream_rows.used,
            "max_jobs": self._job_rows.size,
            "jobs_queued": len(self.jobs),
            "queued_audio_seconds": self.queued_audio_seconds,
            "generation_mismatches": self._stream_rows.mismatches + self._job_rows.mismatches,
        }

    def _unblocked_streams(self) -> Iterator[Session]:
        return (s for s in self._ready.values() if s.key.connection not in self._blocked)

    def _unblocked_jobs(self) -> Iterator[Session]:
        return (s for s in self.jobs if s.key.connection not in self._blocked)
