"""The index of a `.cdc` file: where its blocks are, and that it is complete."""

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codec.container.layout import (
    BLOCK_HEADER_BYTES,
    COUNT,
    CRC32,
    END_MAGIC,
    ENTRY_FIELDS,
    INDEX_MARKER,
    INDEX_TAIL_BYTES,
    MAX_BLOCKS,
    SAMPLES,
    UNKNOWN_SAMPLES,
)
from codec.container.window import ByteWindow
from codec.errors import ContainerError


@dataclass(frozen=True)
class BlockPlace:
    """Where a block starts: `first_frame`, and `offset` in bytes from the first block."""

    first_frame: int
    offset: int


@dataclass(frozen=True)
class RecordPlace(BlockPlace):
    """Where the record of segment `number` starts; the segment's frames begin at `first_frame`."""

    number: int


@dataclass(frozen=True)
class Index:
    """End of a file: the `index_entry` of every block, joined, and the sample count if known.

    `measured`: the header has the sample count, the index has none.
    """

    entries: bytes
    n_samples: int | None
    measured: bool = False

    @property
    def n_frames(self) -> int:
        """Frames in all blocks."""
        return int(self._table()[:, 0].sum())

    @property
    def n_records(self) -> int:
        """Segment records."""
        return int((self._table()[:, 0] == 0).sum())

    def find(self, frame: int) -> BlockPlace:
        """The block that holds `frame`, which must be below `n_frames`."""
        return self._place(self._block_of(frame))

    def find_record(self, frame: int) -> RecordPlace | None:
        """The segment record that stands for `frame`, which must be below `n_frames`, if there are any."""
        records = np.flatnonzero(self._table()[: self._block_of(frame), 0] == 0)
        if not records.size:
            return None
        place = self._place(int(records[-1]))
        return RecordPlace(place.first_frame, place.offset, len(records) - 1)

    def pack(self) -> bytes:
        """The index as bytes."""
        body = INDEX_MARKER + self.entries
        if not self.measured:
            body += SAMPLES.pack(UNKNOWN_SAMPLES if self.n_samples is None else self.n_samples)
        body += COUNT.pack(len(self.entries) // ENTRY_FIELDS.size)
        return body + CRC32.pack(zlib.crc32(body)) + END_MAGIC

    def _block_of(self, frame: int) -> int:
        # Records have no frames, so that the first block which ends after the frame is one of codes.
        return int(np.searchsorted(np.cumsum(self._table()[:, 0]), frame, side="right"))

    def _place(self, block: int) -> BlockPlace:
        n_frames, payload_bytes = self._table()[:block].sum(axis=0).tolist()
        return BlockPlace(n_frames, payload_bytes + block * BLOCK_HEADER_BYTES)

    def _table(self) -> NDArray[np.int64]:
        return np.frombuffer(self.entries, "<u2").reshape(-1, 2).astype(np.int64)


def index_bytes(tail: memoryview, measured: bool) -> int:
    """Size of the index that ends with `tail`, its last `INDEX_TAIL_BYTES`; 0 if that ends no index."""
    if len(tail) != INDEX_TAIL_BYTES or bytes(tail[-len(END_MAGIC) :]) != END_MAGIC:
        return 0
    n_blocks: int = COUNT.unpack_from(tail)[0]
    if n_blocks > MAX_BLOCKS:
        return 0
    samples_bytes = 0 if measured else SAMPLES.size
    return len(INDEX_MARKER) + ENTRY_FIELDS.size * n_blocks + samples_bytes + INDEX_TAIL_BYTES


def parse_index(data: memoryview, measured: bool) -> Index:
    """The index whose bytes are exactly `data`. Raises `ContainerError` if it is damaged or no index."""
    if len(data) < INDEX_TAIL_BYTES or len(data) != index_bytes(data[-INDEX_TAIL_BYTES:], measured):
        raise ContainerError("the end of the .cdc file is damaged or cut; read it tolerantly")
    check = len(data) - len(END_MAGIC) - CRC32.size
    if bytes(data[:2]) != INDEX_MARKER or CRC32.unpack_from(data, check)[0] != zlib.crc32(data[:check]):
        raise ContainerError("the index of the .cdc file is damaged (checksum); read it tolerantly")
    end, n_samples = check - COUNT.size, None
    if not measured:
        end -= SAMPLES.size
        (stored,) = SAMPLES.unpack_from(data, end)
        n_samples = None if stored == UNKNOWN_SAMPLES else stored
    return Index(bytes(data[len(INDEX_MARKER) : end]), n_samples, measured)


def find_index(window: ByteWindow, blocks_start: int, measured: bool) -> Index | None:
    """The index at the end of a seekable file, or None without a sound one; the position stays."""
    place, end = window.position, window.size()
    try:
        if end - INDEX_TAIL_BYTES < blocks_start:
            return None
        window.seek(end - INDEX_TAIL_BYTES)
        size = index_bytes(window.peek(INDEX_TAIL_BYTES), measured)
        if not size or end - size < blocks_start:
            return None
        window.seek(end - size)
        return parse_index(window.peek(size), measured)
    except ContainerError:
        return None
    finally:
        window.seek(place)
