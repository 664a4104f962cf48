"""All sessions of a worker, the rows that they hold, and who is in line."""

from collections.abc import Iterator, Sequence
from typing import Any

from service.ipc import Kind, Message, Operation, ProtocolError
from service.places import check_place
from service.status import Condition, ServiceError
from service.worker.engine import Geometry
from service.worker.job_queue import JobQueue
from service.worker.payload import form_of
from service.worker.session import Session, SessionKey
from service.worker.slots import SlotPool


class Sessions:
    """Rows `0 .. slots - 1` of the engine belong to live streams, the `max_jobs` rows after them to jobs."""

    def __init__(self, geometry: Geometry, slots: int, max_jobs: int) -> None:
        self._blocked: set[int] = set()
        self.jobs = JobQueue[Session](self._blocked)
        self._geometry = geometry
        self._stream_rows = SlotPool(slots)
        self._job_rows = SlotPool(max_jobs, first_row=slots)
        self._all: dict[SessionKey, Session] = {}
        self._streams: dict[SessionKey, Session] = {}
        self._ready: dict[SessionKey, Session] = {}

    def __len__(self) -> int:
        return len(self._all)

    @property
    def has_work(self) -> bool:
        """Whether a session could step now."""
        return next(self._unblocked_streams(), None) is not None or self.jobs.has_work

    def get(self, key: SessionKey) -> Session | None:
        """The session, if there is one."""
        return self._all.get(key)

    def of_connection(self, connection: int) -> list[Session]:
        """The sessions of a front end."""
        return [session for session in self._all.values() if session.key.connection == connection]

    def create(self, key: SessionKey, message: Message, now_ns: int) -> Session:
        """A session with a row of its own, for a JOB, a BULK or an OPEN.

        Raises `ProtocolError` for a session that exists and a form that does not, `ServiceError` OVERLOADED
        when all rows are held, or as many of those of jobs as one caller may hold.
        """
        if key in self._all:
            raise ProtocolError(f"session {key.session} exists already")
        form = form_of(message.form)
        is_job, bulk = message.kind is not Kind.OPEN, message.kind is Kind.BULK
        rows = self._job_rows if is_job else self._stream_rows
        if is_job:
            check_place(self.jobs.held(message.sequence, bulk=bulk), rows.size, rows.used, bulk=bulk)
        lease = rows.acquire()
        if lease is None:
            text = f"all {rows.size} places for live streams are taken; try again later"
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
        session.caller, session.bulk = message.sequence, bulk
        session.form = form
        self._all[key] = session
        if not is_job:
            self._streams[key] = session
            session.paced_ns = now_ns
        return session

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
        self._streams.pop(session.key, None)
        self._ready.pop(session.key, None)
        if session.is_job:
            self.jobs.discard(session)
        (self._job_rows if session.is_job else self._stream_rows).release(session.lease)

    def has_ended(self, session: Session) -> bool:
        """Whether the session was dropped, as may happen while it is stepped."""
        return self._all.get(session.key) is not session

    def holds(self, session: Session) -> bool:
        """Whether the session is still the holder of its row; if not, that is counted."""
        return (self._job_rows if session.is_job else self._stream_rows).holds(session.lease)

    def live(self) -> dict[Operation, int]:
        """Number of open streams."""
        count = dict.fromkeys(Operation, 0)
        for stream in self._streams.values():
            count[stream.operation] += 1
        return count

    def set_blocked(self, connection: int, blocked: bool) -> None:
        """Leave the sessions of a front end out of the line, or take them in again."""
        if blocked:
            self._blocked.add(connection)
        else:
            self._blocked.discard(connection)

    def next(self, now_ns: int) -> Session | None:
        """The session to step next.

        A live stream that keeps to real time goes before everything but jobs that have waited for too long.
        One that pushes a recording through faster than it could be spoken queues among the jobs of its
        caller by the arrival of its input.
        """
        overdue = self.jobs.is_overdue(now_ns)
        ahead: dict[int, Session] = {}
        for stream in self._unblocked_streams():
            if not stream.is_ahead(now_ns):
                if overdue:
                    continue
                return stream
            stream.order_ns = stream.segments[0].waiting_since_ns
            other = ahead.setdefault(stream.caller, stream)
            if stream.order_ns < other.order_ns:
                ahead[stream.caller] = stream
        return self.jobs.next(now_ns, ahead)

    @property
    def has_streams(self) -> bool:
        """Whether a live stream is open."""
        return self._stream_rows.used > 0

    def due_ns(self, now_ns: int) -> Iterator[int]:
        """When the live streams that keep to real time have their next messages, or had."""
        return (s.due_ns for s in self._streams.values() if not s.is_ahead(now_ns))

    def companions(self, head: Session) -> Iterator[Session]:
        """Sessions that might step together with `head`, best first."""
        return self.jobs.companions(head) if head.is_job else self._unblocked_streams()

    def charge(self, sessions: Sequence[Session], seconds: float, now_ns: int) -> None:
        """A step of so long runs, the first of the sessions being the one whose turn it is."""
        if sessions[0].is_job or sessions[0].is_ahead(now_ns):
            self.jobs.charge(sessions, seconds, now_ns)

    def gauges(self) -> dict[str, Any]:
        """Present amounts, for the stats."""
        return {
            "slots": self._stream_rows.size,
            "slots_used": self._stream_rows.used,
            "max_jobs": self._job_rows.size,
            "jobs_queued": len(self.jobs),
            "queued_audio_seconds": self.jobs.audio_seconds,
            "queue": self.jobs.gauges(),
            "generation_mismatches": self._stream_rows.mismatches + self._job_rows.mismatches,
        }

    def _unblocked_streams(self) -> Iterator[Session]:
        return (s for s in self._ready.values() if s.key.connection not in self._blocked)
