"""Tables from codes: what is counted, how it is smoothed, and which contexts are worth a table.

Probabilities are fractions here, where tables are made. Coding uses only the integers that come out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codec.entropy.clusters import Matrix, smoothed
from codec.entropy.contexts import Context, fit_context, joined
from codec.entropy.row import TOTAL
from codec.entropy.tables import EntropyTables
from codec.errors import InvalidRequestError
from codec.tokens import Codes

_FRAMES_PER_TABLE = 512
"""With fewer frames than this for each, more tables code other recordings worse."""

_MOST_TABLES = (512, 128)
"""Tables of the first and the second codebook; where there are 1024 entries they take 1 MB and 256 KB."""

_CLUSTERS_OF_FIRST = 8
_MAX_TABLE_ENTRIES = 2**19
_MAX_CLUSTERED_SIZE = 4096
"""Counting pairs of codes takes memory with the square of the codebook's size."""


@dataclass(frozen=True, eq=False)
class _Row:
    """Probabilities `[table, code]` of a codebook, and the contexts that choose among them."""

    probabilities: Matrix
    previous: Context
    first: Context


def fit_tables(blocks: Sequence[Codes], codebook_size: int) -> EntropyTables:
    """Tables for codes like those of `blocks`, `[codebook, frame]` each, all with the same codebooks.

    The contexts are those that save most on held-out speech for their size (`tests.bench.entropy`): for the
    first codebook the code before it; for all others the first codebook's code of the same frame, and for the
    second the code before it as well. Few frames give few contexts. Raises `InvalidRequestError` without
    any frame.
    """
    if not sum(block.shape[1] for block in blocks):
        raise InvalidRequestError("there are no codes to count; give recordings that are not empty")
    codes = np.concatenate(blocks, axis=1)
    starts = np.cumsum([0, *(block.shape[1] for block in blocks)])[:-1]
    rows = [_fit_row(q, codes, starts[starts < codes.shape[1]], codebook_size) for q in range(len(codes))]
    return EntropyTables(
        frequencies=np.concatenate([_frequencies(row.probabilities) for row in rows]),
        previous=np.stack([row.previous.of_code for row in rows]).astype(np.uint16),
        first=np.stack([row.first.of_code for row in rows]).astype(np.uint16),
        shape=np.array([(row.previous.count, row.first.count) for row in rows], np.uint16),
    )


def _fit_row(q: int, codes: Codes, starts: NDArray[np.int64], size: int) -> _Row:
    row, first_row = codes[q].astype(np.int64), codes[0].astype(np.int64)
    before = np.concatenate([[size], row[:-1]])
    before[starts] = size
    average = smoothed(np.bincount(row, minlength=size).astype(float), np.full(size, 1 / size), size / 2)
    most = _MOST_TABLES[q] if q < len(_MOST_TABLES) else _CLUSTERS_OF_FIRST
    most = max(1, min(most, len(row) // _FRAMES_PER_TABLE, _MAX_TABLE_ENTRIES // size))
    if size > _MAX_CLUSTERED_SIZE:
        most = 1
    n_first = 1 if q == 0 else min(most, _CLUSTERS_OF_FIRST)
    previous = fit_context(before, row, size + 1, most // n_first, average)
    first = fit_context(first_row, row, size, n_first, average)
    contexts = previous.of_code[before] * first.count + first.of_code[first_row]
    return _Row(joined(previous, first, contexts, row, average), previous, first)


def _frequencies(probabilities: Matrix) -> NDArray[np.uint16]:
    """Integers of at least 1 that sum up to `TOTAL`, as near to the probabilities as these allow."""
    size = probabilities.shape[1]
    wanted = probabilities * (TOTAL - size)
    whole = np.floor(wanted).astype(np.int64)
    missing = TOTAL - size - whole.sum(axis=1, keepdims=True)
    rank = np.argsort(np.argsort(whole - wanted, axis=1, kind="stable"), axis=1, kind="stable")
    return np.asarray(1 + whole + (rank < missing), np.uint16)
