"""Messages between a front end and a worker: a fixed header, then bytes, over a local stream socket.

A worker listens on a Unix socket, every front end connects to every worker. The end of the stream is
the sign of death on either side, so neither needs a heartbeat. There is no pickle anywhere: audio is
as in `service.samples`, codes are u16 little-endian `[frame][codebook]`, the rest is JSON. Of models that
need whole items the payloads of JOB and RESULT are those of `service.item`, and OPEN is refused.

Header, 37 bytes, little-endian:

    u32 payload length   u8 kind   u8 operation   u8 form   u16 n_q   u64 session
    u32 sequence         u32 queue_us             i64 value           u32 run_us

What the fields mean for each kind is said in `Kind`.
"""

import json
import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import Any, NamedTuple

from service.samples import SampleForm

_HEADER = struct.Struct("<IBBBHQIIqI")

MAX_PAYLOAD_BYTES = 1 << 28
"""A longer payload means a broken peer: 256 MiB is over an hour of float32 audio at 16 kHz."""


class Operation(IntEnum):
    """Which half of the codec a job or a stream wants."""

    ENCODE = 1
    DECODE = 2


class Kind(IntEnum):
    """What a message is; `->` front end to worker, `<-` worker to front end."""

    HELLO = 1
    """<- first message on a connection; payload is the JSON of `service.model_info.ModelInfo`."""
    JOB = 2
    """-> one-shot work: operation, n_q, session (unique per connection), value = deadline on the
    monotonic clock in ns (0 = none), sequence = number of the caller; payload = samples (encode) of the
    form, or codes (decode), of which samples of the form are wanted."""
    RESULT = 3
    """<- the whole answer to a JOB: n_q; payload = codes (encode) or samples (decode, the delay already
    dropped, not yet trimmed); queue_us and run_us tell where the time went."""
    CANCEL = 4
    """-> forget a JOB or a stream; nothing more is sent for the session."""
    OPEN = 5
    """-> open a stream: operation, n_q, session, sequence = number of the caller, form of samples that are
    wanted (decode). Answered by OPENED or FAILED."""
    OPENED = 6
    """<- the stream holds a slot from now on."""
    DATA = 7
    """<-> a piece of a stream: -> sequence counts up from 0 (value unused), n_q of the frames that it
    completes; form and payload as in JOB. <- sequence = the last input sequence consumed wholly, value =
    index of the first frame (codes) or sample in the payload, counted from the start or the last flush;
    the payload may be empty: it then only acknowledges input."""
    FLUSH = 8
    """-> no more input in this segment: pad, emit what is left, start afresh; sequence = flush id."""
    FLUSHED = 9
    """<- everything before the FLUSH of that sequence has been sent; the stream is fresh."""
    CLOSE = 10
    """-> give the slot back, nothing more is wanted."""
    FAILED = 11
    """<- the session ended in an error: value = `service.status.Condition`, payload = UTF-8 message."""
    STATS = 12
    """<- JSON of counters and gauges, about once a second (see `service.worker.stats`)."""
    BULK = 13
    """-> a JOB that is run when nothing else is there to do; answered in the same way."""


_KINDS = {int(kind): kind for kind in Kind}


class Message(NamedTuple):
    """One message; fields that a kind does not use are zero.

    A tuple, because making a frozen dataclass of so many fields takes four times as long.
    """

    kind: Kind
    session: int = 0
    operation: int = 0
    n_q: int = 0
    sequence: int = 0
    value: int = 0
    queue_us: int = 0
    run_us: int = 0
    payload: bytes | memoryview = b""
    form: int = SampleForm.F32

    def pack(self) -> bytes:
        """Header and payload as one piece of bytes."""
        header = _HEADER.pack(
            len(self.payload), self.kind, self.operation, self.form, self.n_q, self.session,
            self.sequence, self.queue_us, self.value, self.run_us,
        )  # fmt: skip
        return b"".join((header, self.payload))

    def json(self) -> dict[str, Any]:
        """The payload of a HELLO or STATS message."""
        decoded: dict[str, Any] = json.loads(bytes(self.payload))
        return decoded


class ProtocolError(Exception):
    """The peer sent bytes that are not messages; the connection must be dropped."""


class MessageReader:
    """Cuts a byte stream into messages; many may come out of one wake-up."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[Message]:
        """Yield every message completed by `data`.

        Raises `ProtocolError` for an unknown kind or an impossible length.
        """
        # Most pieces begin and end with whole messages: what is in them is copied once.
        rest, start = self._rest, 0
        if rest:
            rest += data
        source = rest or data
        available = len(source)
        while available - start >= _HEADER.size:
            length, kind, operation, form, n_q, session, sequence, queue_us, value, run_us = (
                _HEADER.unpack_from(source, start)
            )
            known = _KINDS.get(kind)
            if known is None or length > MAX_PAYLOAD_BYTES:
                raise ProtocolError(f"kind {kind}, payload of {length} bytes")
            end = start + _HEADER.size + length
            if available < end:
                break
            payload = bytes(memoryview(source)[start + _HEADER.size : end])
            start = end
            yield Message(known, session, operation, n_q, sequence, value, queue_us, run_us, payload, form)
        if rest:
            del rest[:start]
        else:
            rest += memoryview(data)[start:]
