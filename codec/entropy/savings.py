"""How much smaller entropy coding makes codes."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from codec.bits import packed_bytes
from codec.entropy.coder import EntropyCoder
from codec.errors import InvalidRequestError
from codec.tokens import Codes

_LENGTH_BYTES = 2
"""What the container adds to a row to find the next one."""


@dataclass(frozen=True)
class Savings:
    """Bits of each codebook's rows, as packed codes and entropy-coded with their lengths."""

    packed_bits: tuple[int, ...]
    coded_bits: tuple[int, ...]

    def share(self, n_q: int) -> float:
        """The part of the bits of the first `n_q` codebooks that entropy coding saves; below 0 if it adds."""
        return 1 - sum(self.coded_bits[:n_q]) / sum(self.packed_bits[:n_q])


def measure_savings(coder: EntropyCoder, blocks: Iterable[Codes], bits_per_code: int) -> Savings:
    """What the coder makes of `blocks`, `[codebook, frame]` each, all with the same codebooks.

    Raises `InvalidRequestError` without any frame.
    """
    packed, coded = [], []
    for block in blocks:
        packed.append([packed_bytes(block.shape[1], bits_per_code)] * len(block))
        coded.append([len(row) + _LENGTH_BYTES for row in coder.encode(block)])
    if not np.sum(packed):
        raise InvalidRequestError("there are no codes to code; give recordings that are not empty")
    return Savings(
        tuple((8 * np.sum(packed, axis=0)).tolist()),
        tuple((8 * np.sum(coded, axis=0)).tolist()),
    )
