"""How much of its codebooks a quantizer uses."""

from dataclasses import dataclass

import torch
from torch import Tensor

from codec.quantizer import ABSENT


@dataclass(frozen=True, slots=True, eq=False)
class CodebookUsage:
    """`counts`: int64 `[codebook, entry]`, how often every entry was chosen."""

    counts: Tensor

    @property
    def used_share(self) -> Tensor:
        """Entries that were chosen at all, of all: `[codebook]`."""
        return (self.counts > 0).double().mean(-1)

    @property
    def entropy_bits(self) -> Tensor:
        """Entropy of the frequencies, `[codebook]`, 0 for a codebook without codes.

        Few codes make it too small: it is at most log2 of their number.
        """
        share = self.counts / self.counts.sum(-1, keepdim=True).clamp_min(1).double()
        return -torch.xlogy(share, share).sum(-1) / torch.log(torch.tensor(2.0, dtype=torch.float64))

    @property
    def perplexity(self) -> Tensor:
        """Entries that would be in use if all were used equally: `[codebook]`."""
        return torch.exp2(self.entropy_bits)


def usage_of(codes: Tensor, codebook_size: int) -> CodebookUsage:
    """The usage of every codebook by codes int64 `[batch, codebook, frame]`; `ABSENT` counts for none."""
    rows = codes.transpose(0, 1).flatten(1)
    offsets = codebook_size * torch.arange(len(rows), device=codes.device).unsqueeze(1)
    chosen = (rows + offsets)[rows != ABSENT]
    counts = torch.bincount(chosen, minlength=len(rows) * codebook_size)
    return CodebookUsage(counts.view(len(rows), codebook_size))
