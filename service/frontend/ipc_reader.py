"""Reads messages of `service.ipc` on every Python that the project supports.

`MessageReader.feed` asks `number in Kind`, which Python 3.11 answers with a `TypeError`.
"""

from collections.abc import Iterator

from service.ipc import _HEADER, MAX_PAYLOAD_BYTES, Kind, Message, MessageReader, ProtocolError

_KINDS = {int(kind): kind for kind in Kind}


class LinkReader(MessageReader):
    """`MessageReader`, with known kinds looked up by number."""

    def feed(self, data: bytes) -> Iterator[Message]:
        """Yield every message completed by `data`; raises `ProtocolError` for what is no message."""
        buffer = self._buffer
        buffer += data
        start = 0
        while len(buffer) - start >= _HEADER.size:
            length, number, operation, n_q, session, sequence, queue_us, value, run_us = _HEADER.unpack_from(
                buffer, start
            )
            kind = _KINDS.get(number)
            if kind is None or length > MAX_PAYLOAD_BYTES:
                raise ProtocolError(f"kind {number}, payload of {length} bytes")
            end = start + _HEADER.size + length
            if len(buffer) < end:
                break
            payload = bytes(memoryview(buffer)[start + _HEADER.size : end])
            start = end
            yield Message(kind, session, operation, n_q, sequence, value, queue_us, run_us, payload)
        if start:
            del buffer[:start]
