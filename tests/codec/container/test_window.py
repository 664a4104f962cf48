import io
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec.container.window import ByteWindow


class Counting(io.BytesIO):
    """A stream that remembers the most it was asked for at once."""

    largest = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.largest = max(self.largest, size or 0)
        return super().read(size)


def test_peeking_does_not_move() -> None:
    window = ByteWindow(io.BytesIO(b"abcdef"))
    assert bytes(window.peek(3)) == b"abc"
    assert bytes(window.peek(2)) == b"ab"
    window.skip(2)
    assert bytes(window.peek(99)) == b"cdef"
    assert window.position == 2


def test_positions_count_from_where_the_stream_stood() -> None:
    stream = io.BytesIO(b"xxabcdef")
    stream.seek(2)
    window = ByteWindow(stream)
    window.peek(1)
    window.seek(3)
    assert bytes(window.peek(2)) == b"de"
    assert window.size() == 6
    assert (window.position, bytes(window.peek(2))) == (3, b"de")


def test_a_growing_stream_goes_on() -> None:
    stream = io.BytesIO(b"ab")
    window = ByteWindow(stream)
    assert bytes(window.peek(4)) == b"ab"
    stream.write(b"cd")
    stream.seek(2)
    assert bytes(window.peek(4)) == b"abcd"


def test_a_pipe_is_not_asked_for_more_than_needed() -> None:
    read_end, write_end = os.pipe()
    with open(read_end, "rb") as reader, open(write_end, "wb", buffering=0) as writer:
        writer.write(b"abc")
        # The writer stays open: reading ahead would wait for ever.
        assert bytes(ByteWindow(reader).peek(3)) == b"abc"


@given(st.binary(max_size=300).map(lambda noise: noise.replace(b"\xcd", b"")), st.integers(0, 70_000))
def test_markers_are_found_across_read_boundaries(noise: bytes, distance: int) -> None:
    window = ByteWindow(io.BytesIO(bytes(distance) + noise + b"\xcdB" + noise))
    assert window.find((b"\xcdI", b"\xcdB"))
    assert window.position == distance + len(noise)


@pytest.mark.parametrize("content", [b"", b"\xcd", b"\xcdX" * 50_000, bytes(200_000)])
def test_without_a_marker_the_search_ends_at_the_end(content: bytes) -> None:
    stream = Counting(content)
    window = ByteWindow(stream)
    assert not window.find((b"\xcdI", b"\xcdB"))
    assert len(window.peek(10)) <= 1
    assert stream.largest <= 2**16
