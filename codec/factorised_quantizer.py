"""Factorised residual vector quantization (DAC, Kumar et al. 2023, section 3.2).

A stage looks up in a space of a few numbers, by angle alone; its projections and entries are parameters that
gradients move, so no statistics are kept.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

from codec.config import FactorisedQuantizerConfig, QuantizerConfig
from codec.quantizer import ABSENT, Quantized, ResidualQuantizer


class FactorisedStage(nn.Module):
    """One codebook: a projection to the space of its entries, and one back."""

    def __init__(self, config: FactorisedQuantizerConfig) -> None:
        super().__init__()
        self.project_in = weight_norm(nn.Linear(config.dimension, config.code_dimension))
        self.project_out = weight_norm(nn.Linear(config.code_dimension, config.dimension))
        self.entries = nn.Parameter(torch.randn(config.codebook_size, config.code_dimension))

    def search(self, projected: Tensor) -> Tensor:
        """Index of the entry at the smallest angle to vectors `[..., code dimension]`; the first wins a tie.

        The length of a vector does not change which one that is, so only the entries are normalised.
        """
        return (projected @ functional.normalize(self.entries, dim=-1).t()).argmax(-1)

    def decode(self, codes: Tensor) -> Tensor:
        """Vectors `[..., dimension]` of codes; `ABSENT` gives zeros."""
        vectors = self.project_out(functional.embedding(codes.clamp_min(0), self.entries))
        return vectors.masked_fill((codes == ABSENT).unsqueeze(-1), 0.0)  # type: ignore[no-any-return]


class FactorisedQuantizer(nn.Module):
    """A stack of factorised codebooks; the interface is that of `ResidualQuantizer`."""

    def __init__(self, config: FactorisedQuantizerConfig) -> None:
        super().__init__()
        self.config = config
        self.stages = nn.ModuleList(FactorisedStage(config) for _ in range(config.codebooks))

    def _first(self, n_q: int) -> Iterator[FactorisedStage]:
        for stage in self.stages[:n_q]:
            assert isinstance(stage, FactorisedStage)
            yield stage

    def encode(self, vectors: Tensor, n_q: int) -> Tensor:
        """Codes int64 `[batch, n_q, frame]` of `[batch, frame, dimension]`.

        Stages are searched in order, so the first n codebooks are the same for every n_q.
        """
        residual, codes = vectors, []
        for stage in self._first(n_q):
            index = stage.search(stage.project_in(residual))
            residual = residual - stage.decode(index)
            codes.append(index)
        return torch.stack(codes, dim=1)

    def decode(self, codes: Tensor) -> Tensor:
        """Vectors `[batch, frame, dimension]` of codes `[batch, n_q, frame]`; `ABSENT` adds nothing."""
        pairs = zip(self._first(codes.shape[1]), codes.unbind(1), strict=True)
        return torch.stack([stage.decode(index) for stage, index in pairs]).sum(0)

    def forward(self, vectors: Tensor, n_q: Tensor) -> Quantized:
        """Quantize `[batch, frame, dimension]` for training, item b with its first `n_q[b]` codebooks.

        As in DAC, the straight-through step is taken in every stage's own small space: reconstruction then
        teaches both projections, and every later stage's losses reach the encoder through the part of the
        input that the stages before cannot hold.
        """
        residual, total = vectors, torch.zeros_like(vectors)
        codes, residuals = [], []
        commitment, codebook_loss = vectors.new_zeros(()), vectors.new_zeros(())
        stages = int(n_q.max())
        for number, stage in enumerate(self._first(stages)):
            in_use = n_q > number
            projected = stage.project_in(residual)
            index = stage.search(projected.detach())
            entry = functional.embedding(index, stage.entries)
            commitment = commitment + _distance(projected, entry.detach(), in_use)
            codebook_loss = codebook_loss + _distance(projected.detach(), entry, in_use)
            decoded = stage.project_out(projected + (entry - projected).detach())
            total = total + decoded * in_use.view(-1, 1, 1)
            residual = residual - decoded
            codes.append(torch.where(in_use.view(-1, 1), index, ABSENT))
            residuals.append(projected.detach())
        return Quantized(
            total, torch.stack(codes, 1), torch.stack(residuals), commitment / stages, codebook_loss / stages
        )


def _distance(one: Tensor, other: Tensor, in_use: Tensor) -> Tensor:
    """Mean square over the items `in_use` of `[batch, frame, number]`."""
    return ((one - other).square().mean((1, 2)) * in_use).sum() / in_use.sum()


def quantizer_of(config: QuantizerConfig) -> ResidualQuantizer | FactorisedQuantizer:
    """The quantizer that a config describes."""
    if isinstance(config, FactorisedQuantizerConfig):
        return FactorisedQuantizer(config)
    return ResidualQuantizer(config)
