"""Residual vector quantization (paper section 3.1): each codebook codes what the ones before left over."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from codec.config import QuantizerConfig
from codec.kmeans import handicaps_of, nearest
from codec.layers.pauses import pause

ABSENT = -1
"""The code that stands for "this codebook is not in use in this frame"."""


@dataclass(frozen=True, slots=True)
class Quantized:
    """What training needs of one pass.

    `vectors`: `[batch, frame, dimension]`, differentiable with respect to the input (straight
    through); `codes`: int64 `[batch, codebook, frame]`, `ABSENT` beyond each item's n_q;
    `residuals`: what each stage compared with its entries, `[codebook, batch, frame, number]`, detached;
    `commitment`: scalar, mean over the stages in use; `codebook_loss`: likewise, what draws the entries to
    the vectors, or None where they are data that training moves.
    """

    vectors: Tensor
    codes: Tensor
    residuals: Tensor
    commitment: Tensor
    codebook_loss: Tensor | None = None


class ResidualQuantizer(nn.Module):
    """A stack of Euclidean codebooks; entries are data, not parameters: training moves them by EMA."""

    codebooks: Tensor
    _handicaps: Tensor | None

    def __init__(self, config: QuantizerConfig) -> None:
        super().__init__()
        self.config = config
        shape = (config.codebooks, config.codebook_size, config.dimension)
        self.register_buffer("codebooks", torch.zeros(shape))
        self.register_buffer("_handicaps", None, persistent=False)

    def freeze(self) -> None:
        """The entries will not change again: what `search` needs of them alone is computed once."""
        self._handicaps = torch.stack([handicaps_of(entries) for entries in self.codebooks])

    def search(self, residual: Tensor, stage: int) -> Tensor:
        """Index of the nearest entry for vectors `[row, dimension]`; the first one wins a tie."""
        handicaps = None if self._handicaps is None else self._handicaps[stage]
        return nearest(residual, self.codebooks[stage], handicaps)

    def encode(self, vectors: Tensor, n_q: int) -> Tensor:
        """Codes int64 `[batch, n_q, frame]` of `[batch, frame, dimension]`.

        Stages are searched in order, so the first n codebooks are the same for every n_q.
        """
        batch, frames, _ = vectors.shape
        residual = vectors.flatten(0, 1)
        books = self.codebooks[:n_q].unbind()
        handicaps = (None,) * n_q if self._handicaps is None else self._handicaps[:n_q].unbind()
        codes = [nearest(residual, books[0], handicaps[0])]
        for before, entries, handicap in zip(books, books[1:], handicaps[1:], strict=False):
            pause()
            residual = residual - functional.embedding(codes[-1], before)
            codes.append(nearest(residual, entries, handicap))
        return torch.stack(codes, dim=1).view(batch, frames, n_q).transpose(1, 2)

    def decode(self, codes: Tensor) -> Tensor:
        """Vectors `[batch, frame, dimension]` of codes `[batch, n_q, frame]`; `ABSENT` adds nothing."""
        n_q = codes.shape[1]
        size = self.config.codebook_size
        offsets = torch.arange(n_q, device=codes.device).view(1, n_q, 1) * size
        present = codes != ABSENT
        rows = (codes + offsets).masked_fill(~present, 0).transpose(1, 2).reshape(-1, n_q)
        # A weight of 0 leaves an entry out without a copy of the table that has a row of zeros.
        weights = present.to(self.codebooks.dtype).transpose(1, 2).reshape(-1, n_q)
        table = self.codebooks[:n_q].flatten(0, 1)
        summed = functional.embedding_bag(rows, table, mode="sum", per_sample_weights=weights)
        return summed.view(codes.shape[0], codes.shape[2], -1)

    def forward(self, vectors: Tensor, n_q: Tensor) -> Quantized:
        """Quantize `[batch, frame, dimension]` for training, item b with its first `n_q[b]` codebooks.

        The residual that a stage sees is the input minus *detached* entries, so every stage's commitment
        loss pulls on the encoder; the straight-through step is taken once, over the sum, so the gradient
        of the output with respect to the input is the identity. (The reference subtracts the
        straight-through value, and only its first stage trains the encoder.)
        """
        total = torch.zeros_like(vectors)
        codes, residuals, commitment = [], [], vectors.new_zeros(())
        in_use = torch.arange(self.config.codebooks, device=n_q.device)[:, None] < n_q
        stages = int(n_q.max())
        for stage in range(stages):
            residual = vectors - total
            index = self.search(residual.detach().flatten(0, 1), stage).view(vectors.shape[:2])
            entry = functional.embedding(index, self.codebooks[stage])
            used = in_use[stage].view(-1, 1, 1).to(vectors.dtype)
            share = (residual - entry).square().mean((1, 2)) * used.flatten()
            commitment = commitment + share.sum() / in_use[stage].sum()
            total = total + entry * used
            codes.append(torch.where(in_use[stage].view(-1, 1), index, ABSENT))
            residuals.append(residual.detach())
        straight_through = vectors + (total - vectors).detach()
        return Quantized(straight_through, torch.stack(codes, 1), torch.stack(residuals), commitment / stages)
