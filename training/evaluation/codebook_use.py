"""How much of its codebooks a model uses."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from codec.quantizer_statistics import usage_of
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
    rows = np.concatenate(codes, axis=1)
    usage = usage_of(torch.from_numpy(rows.astype(np.int64)).unsqueeze(0), codebook_size)
    used, entropies = (usage.counts > 0).sum(-1).tolist(), usage.entropy_bits.tolist()
    pairs = enumerate(zip(used, entropies, strict=True))
    return tuple(
        CodebookUse(codebook, codebook_size, rows.shape[1], entries, entropy)
        for codebook, (entries, entropy) in pairs
    )
