"""A movable view of a byte stream that never holds more than was asked for and one read ahead."""

from typing import BinaryIO

_READ_BYTES = 2**16


class ByteWindow:
    """Looks ahead in a stream of bytes that may be a pipe, or a file that still grows.

    `position` counts from where the stream stood at the start; `seek` and `size` work if it is `seekable`.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.seekable = stream.seekable()
        self._origin = stream.tell() if self.seekable else 0
        self._buffer = b""
        self._used = 0
        self.position = 0

    def peek(self, count: int) -> memoryview:
        """The next `count` bytes without moving, fewer only where the stream ends for now."""
        while (missing := count - (len(self._buffer) - self._used)) > 0:
            # A pipe would make us wait for bytes that nobody needs yet.
            chunk = self._stream.read(max(missing, _READ_BYTES) if self.seekable else missing)
            if not chunk:
                break
            self._buffer = self._buffer[self._used :] + chunk
            self._used = 0
        return memoryview(self._buffer)[self._used : self._used + count]

    def skip(self, count: int) -> None:
        """Move forward over bytes that were peeked at."""
        self._used += count
        self.position += count

    def find(self, markers: tuple[bytes, ...]) -> bool:
        """Move to the next of the two-byte `markers`, or to the end; tell whether there is one."""
        while len(self.peek(_READ_BYTES)) >= 2:
            stop = min(len(self._buffer), self._used + _READ_BYTES)
            found = [self._buffer.find(marker, self._used, stop) for marker in markers]
            if hits := [place for place in found if place >= 0]:
                self.skip(min(hits) - self._used)
                return True
            # The last byte may be the first of a marker.
            self.skip(stop - self._used - 1)
        return False

    def seek(self, position: int) -> None:
        """Continue at `position`."""
        self._stream.seek(self._origin + position)
        self._buffer, self._used, self.position = b"", 0, position

    def size(self) -> int:
        """Bytes from the origin to the end of the stream as it is now; the position does not change."""
        end = self._stream.seek(0, 2) - self._origin
        self.seek(self.position)
        return end
