"""The index of a `.cdc` file: where its blocks are, and that it is complete."""

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codec.container.layout import (
    BLOCK_HEADER_BYTES,
    CRC32,
    END_MAGIC,
    ENTRY_FIELDS,
    FOOTER_FIELDS,
    INDEX_MARKER,
    INDEX_TAIL_BYTES,
    MAX_BLOCKS,
    loaded_samples,
    stored_samples,
)
from codec.container.window import ByteWindow
from codec.errors import ContainerError


@dataclass(frozen=True)
class BlockPlace:
    """Where a block starts: `first_frame`, and `offset` in bytes from the first block."""

    first_frame: int
    offset: int


@dataclass(frozen=True)
class Index:
    """End of a file: the `index_entry` of every block, joined, and the sample count if known."""

    entries: bytes
    n_samples: int | None

    @property
    def n_frames(self) -> int:
        """Frames in all blocks."""
        return int(self._table()[:, 0].sum())

    def find(self, frame: int) -> BlockPlace:
        """The block that holds `frame`, which must be below `n_frames`."""
        table = self._table()
        before = int(np.searchsorted(np.cumsum(table[:, 0]), frame, side="right"))
        n_frames, payload_bytes = table[:before].sum(axis=0).tolist()
        return BlockPlace(n_frames, payload_bytes + before * BLOCK_HEADER_BYTES)

    def pack(self) -> bytes:
        """The index as bytes."""
        body = INDEX_MARKER + self.entries
        body += FOOTER_FIELDS.pack(stored_samples(self.n_samples), len(self.entries) // ENTRY_FIELDS.size)
        return body + CRC32.pack(zlib.crc32(body)) + END_MAGIC

    def _table(self) -> NDArray[np.int64]:
        return np.frombuffer(self.entries, "<u2").reshape(-1, 2).astype(np.int64)


def index_bytes(tail: memoryview) -> int:
    """Size of the index that ends with `tail`, its last `INDEX_TAIL_BYTES`; 0 if that ends no index."""
    if len(tail) != INDEX_TAIL_BYTES or bytes(tail[-len(END_MAGIC) :]) != END_MAGIC:
        return 0
    n_blocks: int = FOOTER_FIELDS.unpack_from(tail)[1]
    if n_blocks > MAX_BLOCKS:
        return 0
    return len(INDEX_MARKER) + ENTRY_FIELDS.size * n_blocks + INDEX_TAIL_BYTES


def parse_index(data: memoryview) -> Index:
    """The index whose bytes are exactly `data`. Raises `ContainerError` if it is damaged or no index."""
    if len(data) < INDEX_TAIL_BYTES or len(data) != index_bytes(data[-INDEX_TAIL_BYTES:]):
        raise ContainerError("the end of the .cdc file is damaged or cut; read it tolerantly")
    check = len(data) - len(END_MAGIC) - CRC32.size
    if bytes(data[:2]) != INDEX_MARKER or CRC32.unpack_from(data, check)[0] != zlib.crc32(data[:check]):
        raise ContainerError("the index of the .cdc file is damaged (checksum); read it tolerantly")
    n_samples = FOOTER_FIELDS.unpack_from(data, check - FOOTER_FIELDS.size)[0]
    entries = bytes(data[len(INDEX_MARKER) : check - FOOTER_FIELDS.size])
    return Index(entries, loaded_samples(n_samples))


def find_index(window: ByteWindow, blocks_start: int) -> Index | None:
    """The index at the end of a seekable file, or None without a sound one; the position stays."""
    place, end = window.position, window.size()
    try:
        if end - INDEX_TAIL_BYTES < blocks_start:
            return None
        window.seek(end - INDEX_TAIL_BYTES)
        size = index_bytes(window.peek(INDEX_TAIL_BYTES))
        if not size or end - size < blocks_start:
            return None
        window.seek(end - size)
        return parse_index(window.peek(size))
    except ContainerError:
        return None
    finally:
        window.seek(place)
