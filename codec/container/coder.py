"""Entropy-coded payloads: rows of bytes, one per codebook, that a coder from outside makes."""

import struct
from collections.abc import Sequence
from typing import Protocol

from codec.errors import ContainerError
from codec.tokens import Codes


class RowCoder(Protocol):
    """An entropy coder, the same on every machine."""

    @property
    def tables_id(self) -> bytes:
        """8 bytes that name the tables without which rows mean nothing."""
        ...

    def encode(self, codes: Codes) -> list[bytes]:
        """One row for each codebook of `[codebook, frame]`; a row depends on the codebooks before it only."""
        ...

    def decode(self, rows: Sequence[memoryview], n_frames: int) -> Codes:
        """The codes `[codebook, frame]`. Raises `ContainerError` for rows that `encode` does not write."""
        ...


def join_rows(rows: Sequence[bytes | memoryview]) -> bytes | None:
    """Rows as a payload; None if one is too long to say so, which packed codes never are."""
    lengths = [len(row) for row in rows]
    if max(lengths) > 0xFFFF:
        return None
    return b"".join((struct.pack(f"<{len(rows)}H", *lengths), *rows))


def split_rows(payload: bytes, n_q: int) -> list[memoryview]:
    """The inverse of `join_rows`. Raises `ContainerError` for lengths that do not add up."""
    view = memoryview(payload)
    fields = struct.Struct(f"<{n_q}H")
    if len(view) < fields.size:
        raise ContainerError(f"{len(view)} bytes cannot be {n_q} entropy-coded rows; fetch the file again")
    rows = []
    position = fields.size
    for length in fields.unpack_from(view):
        rows.append(view[position : position + length])
        position += length
    if position != len(view):
        raise ContainerError(f"rows of {position} bytes stand in {len(view)}; fetch the file again")
    return rows
