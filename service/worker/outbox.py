"""The messages that a worker sends about its sessions."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.ipc import Kind, Message, Operation
from service.samples import pack
from service.status import ServiceError
from service.worker.item_job import ItemJob
from service.worker.session import Session, SessionKey

Emit = Callable[[int, Message], None]
"""Takes the connection and the message."""


class Outbox:
    """Words what happened to a session as messages for its front end."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit

    def opened(self, stream: Session) -> None:
        """The stream holds a slot."""
        message = Message(Kind.OPENED, stream.key.session, stream.operation, stream.n_q)
        self._emit(stream.key.connection, message)

    def data(self, stream: Session, items: NDArray[Any], *, queue_ns: int, run_ns: int) -> None:
        """Output of a step of a stream; `items` as the step gave them, `[item, width]`."""
        first, items = stream.deliver(items)
        self._data(stream, first, items, queue_ns, run_ns)

    def acknowledge(self, stream: Session) -> None:
        """Input was taken in that completes no frame."""
        first, nothing = stream.deliver(np.empty((0, 1)))
        self._data(stream, first, nothing, 0, 0)

    def flushed(self, stream: Session, flush_id: int) -> None:
        """All before the flush has been sent."""
        message = Message(Kind.FLUSHED, stream.key.session, stream.operation, sequence=flush_id)
        self._emit(stream.key.connection, message)

    def result(self, job: Session) -> None:
        """The whole answer to a job."""
        outputs = job.outputs
        items = outputs[0] if len(outputs) == 1 else np.concatenate(outputs)
        self.answer(job, _payload(job, items))

    def answer(self, job: Session | ItemJob, payload: bytes) -> None:
        """The payload that a job was for, and where the time went."""
        message = Message(
            Kind.RESULT,
            job.key.session,
            job.operation,
            job.n_q,
            queue_us=_microseconds(job.started_ns - job.arrived_ns),
            run_us=_microseconds(job.run_ns),
            payload=payload,
            form=job.form,
        )
        self._emit(job.key.connection, message)

    def failed(self, key: SessionKey, error: ServiceError) -> None:
        """The session is over, or never was."""
        payload = error.message.encode()
        message = Message(Kind.FAILED, key.session, value=int(error.condition), payload=payload)
        self._emit(key.connection, message)

    def _data(self, stream: Session, first: int, items: NDArray[Any], queue_ns: int, run_ns: int) -> None:
        message = Message(
            Kind.DATA,
            stream.key.session,
            stream.operation,
            items.shape[1] if stream.operation == Operation.ENCODE else 0,
            sequence=stream.consumed,
            value=first,
            queue_us=_microseconds(queue_ns),
            run_us=_microseconds(run_ns),
            payload=_payload(stream, items),
            form=stream.form,
        )
        self._emit(stream.key.connection, message)


def _microseconds(duration_ns: int) -> int:
    return min(0xFFFF_FFFF, max(0, duration_ns // 1000))


def _payload(session: Session, items: NDArray[Any]) -> bytes:
    """Codes `[frame, n_q]` as little-endian u16, or samples `[sample, channel]`, finite, in their form."""
    if session.operation == Operation.ENCODE:
        return items.astype("<u2", copy=False).tobytes()
    return pack(items, session.form)
