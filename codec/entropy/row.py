"""One row of codes as bytes and back, in plain integers; docs/file-format.md describes it."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence

from codec.errors import ContainerError

TOTAL_BITS = 16
TOTAL = 1 << TOTAL_BITS
"""What the frequencies of a table sum up to."""

_START = 1
_LOWEST = 1 << 22
# States stay below 2^30: those are the integers that CPython handles fastest.
_ROOM_BITS = 14

Starts = Sequence[int]
"""Cumulative frequencies of a table: where each code starts, and `TOTAL` at the end."""


def encode_row(starts: Sequence[int], frequencies: Sequence[int]) -> bytes:
    """The row of codes of which each starts at `starts` in its table and has that frequency, `[frame]`."""
    state = _START
    moved_out = bytearray()
    for start, frequency in zip(reversed(starts), reversed(frequencies), strict=True):
        while state >= frequency << _ROOM_BITS:
            moved_out.append(state & 0xFF)
            state >>= 8
        whole, rest = divmod(state, frequency)
        state = (whole << TOTAL_BITS) + rest + start
    moved_out += state.to_bytes((state.bit_length() + 7) // 8, "little")
    moved_out.reverse()
    return bytes(moved_out)


def decode_row(
    row: bytes, tables: Mapping[int, Starts], contexts: Sequence[int], steps: Sequence[int]
) -> list[int]:
    """The codes of a row, one for each of `contexts`.

    The table of a frame is `tables[context + step]`, with its entry of `contexts` and the one of `steps` that
    belongs to the code before it; the last of `steps` stands for the start of the block. Raises
    `ContainerError` for a row that `encode_row` does not write, in time proportional to the frames.
    """
    if row[:1] == b"\0":
        raise ContainerError("an entropy-coded row starts with a zero byte; fetch the file again")
    state, position, end = 0, 0, len(row)
    while state < _LOWEST and position < end:
        state = state << 8 | row[position]
        position += 1
    codes = []
    step = steps[-1]
    for context in contexts:
        starts = tables[context + step]
        slot = state & TOTAL - 1
        code = bisect_right(starts, slot) - 1
        start = starts[code]
        state = (starts[code + 1] - start) * (state >> TOTAL_BITS) + slot - start
        while state < _LOWEST and position < end:
            state = state << 8 | row[position]
            position += 1
        codes.append(code)
        step = steps[code]
    if state != _START or position != end:
        raise ContainerError("an entropy-coded row does not end where its frames do; fetch the file again")
    return codes
