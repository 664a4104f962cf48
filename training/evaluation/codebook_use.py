"""How much of its codebooks a model uses."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from codec.tokens import Codes


@dataclass(frozen=True, slots=True)
class CodebookUse:
    """One codebook over all recordings: entries that occur, and the entropy of their frequencies.

    Few frames make the entropy too small: it is at most log2 of `n_frames`.
    """

    codebook: int
    codebook_size: int
    n_frames: int
    entries_used: int
    entropy_bits: float

    @property
    def perplexity(self) -> float:
        """Entries that would be used if all were used equally."""
        return float(2**self.entropy_bits)


def codebook_use(codes: Sequence[Codes], codebook_size: int) -> tuple[CodebookUse, ...]:
    """The use of every codebook, of codes `[codebook, frame]` of recordings with equally many codebooks."""
    uses = []
    for codebook, row in enumerate(np.concatenate(codes, axis=1)):
        counts = np.bincount(row, minlength=codebook_size)
        share = counts[counts > 0] / len(row)
        entropy_bits = float(-(share * np.log2(share)).sum())
        uses.append(CodebookUse(codebook, codebook_size, len(row), len(share), entropy_bits))
    return tuple(uses)
