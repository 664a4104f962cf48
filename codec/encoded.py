"""What a codec makes of a batch of items, and what it needs to give them back."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from codec.layers.ragged import inside
from codec.quantizer import ABSENT


@dataclass(frozen=True, slots=True)
class Encoded:
    """Codes of a batch: int64 `[batch, codebook, frame]`, `ABSENT` after an item's last frame.

    `n_samples`, `n_frames`: per item, the samples that went in and the frames that they gave. `scale`:
    float32 `[batch, segment]`, the level of models that take it out, by which the decoder multiplies;
    `labels`: int64 `[batch, label]`, the semantic stream of models that have one.
    """

    codes: Tensor
    n_samples: tuple[int, ...]
    n_frames: tuple[int, ...]
    scale: Tensor | None = None
    labels: Tensor | None = None

    def thin(self, n_q: int) -> "Encoded":
        """The same items with at most the first `n_q` codebooks."""
        return replace(self, codes=self.codes[:, :n_q])


def mask_unused(codes: Tensor, n_frames: Sequence[int], n_q: Sequence[int]) -> Tensor:
    """Codes `[batch, codebook, frame]` that are `ABSENT` beyond each item's frames and codebooks."""
    frames = inside(torch.tensor(n_frames, device=codes.device), codes.shape[-1]).unsqueeze(1)
    books = inside(torch.tensor(n_q, device=codes.device), codes.shape[1]).unsqueeze(-1)
    return codes.masked_fill(~(frames & books), ABSENT)


def gather(parts: Sequence[Encoded]) -> Encoded:
    """One batch of several."""
    if len(parts) == 1:
        return parts[0]
    scales = [part.scale for part in parts if part.scale is not None]
    labels = [part.labels for part in parts if part.labels is not None]
    return Encoded(
        stacked([part.codes for part in parts], ABSENT),
        tuple(n for part in parts for n in part.n_samples),
        tuple(n for part in parts for n in part.n_frames),
        torch.cat(scales) if scales else None,
        stacked(labels) if labels else None,
    )


def stacked(parts: Sequence[Tensor], filler: float = 0) -> Tensor:
    """Batches joined; what is shorter along the last axis is filled up."""
    longest = max(part.shape[-1] for part in parts)
    return torch.cat([functional.pad(part, (0, longest - part.shape[-1]), value=filler) for part in parts])
