"""What each message of a front end does to the sessions."""

from collections.abc import Callable

from service.ipc import Kind, Message, Operation, ProtocolError
from service.status import Condition, ServiceError
from service.worker import payload
from service.worker.admission import Admission
from service.worker.engine import Geometry
from service.worker.outbox import Outbox
from service.worker.session import Session, SessionKey
from service.worker.sessions import Sessions
from service.worker.stats import Stats

_READING_NS = 1_000_000
"""What came while a step ran is read within so long of its end."""
_OPERATIONS = frozenset(int(operation) for operation in Operation)


class Intake:
    """Turns messages into sessions, input and endings; nothing runs here."""

    def __init__(
        self,
        geometry: Geometry,
        sessions: Sessions,
        admission: Admission,
        outbox: Outbox,
        stats: Stats,
        clock: Callable[[], int],
    ) -> None:
        self._geometry = geometry
        self._sessions = sessions
        self._admission = admission
        self._outbox = outbox
        self._stats = stats
        self._clock = clock
        self._step_ns = (0, -_READING_NS)
        self._handlers = {
            Kind.JOB: self._job,
            Kind.BULK: self._job,
            Kind.OPEN: self._open,
            Kind.DATA: self._data,
            Kind.FLUSH: self._flush,
            Kind.CLOSE: self._close,
            Kind.CANCEL: self._cancel,
        }

    def handle(self, connection: int, message: Message) -> None:
        """Take in one message.

        Raises `ProtocolError` for what no sound front end sends; its connection must be dropped.
        """
        handler = self._handlers.get(message.kind)
        if handler is None:
            raise ProtocolError(f"a worker does not take {message.kind.name}")
        key = SessionKey(connection, message.session)
        try:
            handler(key, message)
        except ServiceError as error:
            # A session that exists under this key is the one that the message was for: `create` takes no
            # key twice.
            self.fail(key, error)

    def stepped(self, started_ns: int, ended_ns: int) -> None:
        """Nothing was read meanwhile."""
        self._step_ns = started_ns, ended_ns

    def _earliest_ns(self, now_ns: int) -> int:
        """Since when a message that is read now may have been there."""
        started_ns, ended_ns = self._step_ns
        return started_ns if now_ns - ended_ns < _READING_NS else now_ns

    def fail(self, key: SessionKey, error: ServiceError) -> None:
        """End a session, or one that could not begin, in an error."""
        session = self._sessions.get(key)
        if session is not None:
            self._sessions.drop(session)
        self._stats.count_failure(error.condition)
        self._outbox.failed(key, error)

    def settle(self, stream: Session) -> None:
        """Tell what is done with the stream's input, and put the stream in line if more can be."""
        while stream.segments:
            segment = stream.segments[0]
            if not segment.ready_frames:
                consumed = segment.consumed()
                if consumed is not None:
                    stream.consumed = consumed
                    self._outbox.acknowledge(stream)
            if segment.flush_id is None or segment.ready_frames:
                break
            self._outbox.flushed(stream, segment.flush_id)
            stream.segments.popleft()
        self._sessions.line_up(stream)

    def _job(self, key: SessionKey, message: Message) -> None:
        job = self._create(key, message)
        items = payload.parse(job.operation, message, job.n_q, self._geometry)
        if not len(items):
            text = "there is nothing to code; send at least one sample or frame"
            raise ServiceError(Condition.INVALID_ARGUMENT, text)
        if 0 < job.deadline_ns <= job.arrived_ns:
            text = "the deadline had passed on arrival; allow more time"
            raise ServiceError(Condition.DEADLINE_EXCEEDED, text)
        job.open_segment().push(items, job.n_q, 0, job.arrived_ns)
        job.flush(0)
        self._admission.admit_job(job, self._sessions.jobs)
        self._sessions.jobs.add(job)

    def _open(self, key: SessionKey, message: Message) -> None:
        live = self._sessions.live()
        stream = self._create(key, message)
        self._admission.admit_stream(stream.operation, live, stream.arrived_ns)
        self._stats.of(stream.operation).streams += 1
        self._outbox.opened(stream)

    def _create(self, key: SessionKey, message: Message) -> Session:
        if message.operation not in _OPERATIONS:
            raise ProtocolError(f"operation {message.operation}")
        session = self._sessions.create(key, message, self._clock())
        payload.check_n_q(session.n_q, self._geometry)
        return session

    def _data(self, key: SessionKey, message: Message) -> None:
        stream = self._stream(key)
        if stream is None:
            return
        n_q = message.n_q or stream.n_q
        payload.check_n_q(n_q, self._geometry)
        items = payload.parse(stream.operation, message, n_q, self._geometry)
        now_ns = self._clock()
        stream.push(items, n_q, message.sequence, now_ns, self._earliest_ns(now_ns))
        self._admission.check_pending(stream)
        self.settle(stream)

    def _flush(self, key: SessionKey, message: Message) -> None:
        stream = self._stream(key)
        if stream is None:
            return
        stream.flush(message.sequence)
        self._admission.check_pending(stream)
        self.settle(stream)

    def _close(self, key: SessionKey, _: Message) -> None:
        stream = self._stream(key)
        if stream is not None:
            self._sessions.drop(stream)

    def _cancel(self, key: SessionKey, _: Message) -> None:
        session = self._sessions.get(key)
        if session is None:
            self._stats.late_messages += 1
            return
        self._stats.cancelled += 1
        self._sessions.drop(session)

    def _stream(self, key: SessionKey) -> Session | None:
        """The live stream; None, and counted, when it has ended: its input may cross our FAILED."""
        session = self._sessions.get(key)
        if session is None:
            self._stats.late_messages += 1
            return None
        if session.is_job:
            raise ProtocolError(f"session {key.session} is a job, not a stream")
        return session
