"""Codes of a block as entropy-coded rows and back."""

from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from codec.entropy.row import Starts, decode_row, encode_row
from codec.errors import ContainerError, InvalidTokensError
from codec.tokens import Codes

if TYPE_CHECKING:
    from codec.entropy.tables import EntropyTables


class EntropyCoder:
    """Codes blocks with the tables of a model; a `codec.container.coder.RowCoder`.

    Tables are unfolded when they are first needed, so keep a coder as long as there are blocks. It may be
    used by several threads.
    """

    def __init__(self, tables: "EntropyTables") -> None:
        self._tables = tables
        self._unfolded = _Unfolded(tables.frequencies)
        ends = np.cumsum(tables.frequencies, axis=1, dtype=np.uint32)
        self._starts = (ends - tables.frequencies).astype(np.uint16)

    @property
    def tables_id(self) -> bytes:
        """8 bytes that name the tables without which rows mean nothing."""
        return self._tables.tables_id

    def encode(self, codes: Codes) -> list[bytes]:
        """One row for each codebook of `[codebook, frame]`.

        Raises `InvalidTokensError` for more codebooks than the tables have, and codes outside of them.
        """
        tables = self._tables
        if len(codes) > tables.codebooks or (codes.size and int(codes.max()) >= tables.codebook_size):
            raise InvalidTokensError(
                f"the entropy tables are for {tables.codebooks} codebooks of {tables.codebook_size}; "
                "use those of the model that made the codes"
            )
        rows = []
        for q, row in enumerate(codes):
            contexts = tables.contexts(q, row, codes[0])
            rows.append(
                encode_row(self._starts[contexts, row].tolist(), tables.frequencies[contexts, row].tolist())
            )
        return rows

    def decode(self, rows: Sequence[memoryview], n_frames: int) -> Codes:
        """The codes `[codebook, frame]`. Raises `ContainerError` for anything that `encode` never writes."""
        tables = self._tables
        if len(rows) > tables.codebooks:
            raise ContainerError(
                f"{len(rows)} entropy-coded rows, and tables for {tables.codebooks} codebooks; "
                "open the version that the file names"
            )
        codes = np.empty((len(rows), n_frames), np.uint16)
        for q, row in enumerate(rows):
            contexts = tables.first_contexts(q, codes[0] if q else np.zeros(n_frames, np.uint16))
            codes[q] = decode_row(
                bytes(row), self._unfolded, contexts.tolist(), tables.context_steps(q).tolist()
            )
        return codes


class _Unfolded(dict[int, Starts]):
    """Tables as plain arrays, made on first use: numpy is slow one by one, and lists do not fit caches."""

    def __init__(self, frequencies: NDArray[np.uint16]) -> None:
        super().__init__()
        self._frequencies = frequencies

    def __missing__(self, context: int) -> Starts:
        starts = self[context] = array("I", [0, *np.cumsum(self._frequencies[context]).tolist()])
        return starts
