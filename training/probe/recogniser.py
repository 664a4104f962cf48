"""The recogniser: a small convolutional network that is the same for every input but for its first layer."""

import torch
from torch import Tensor, nn

WIDTH = 96
_KERNEL = 5
_DILATIONS = (1, 2, 4, 8)
_DROPOUT = 0.2
_TABLE_NUMBERS = 2**18
_WIDEST_ENTRY = 32
_TABLE_DEVIATION = 0.02


class VectorInput(nn.Module):
    """Vectors `[batch, frame, number]`: scaled by mean and deviation of the training frames, then mixed."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, frames: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", frames.mean(0))
        self.register_buffer("deviation", frames.std(0).clamp_min(1e-5))
        self.mix = nn.Linear(frames.shape[1], WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """`[batch, frame, WIDTH]`."""
        mixed: Tensor = self.mix((x - self.mean) / self.deviation)
        return mixed


class IndexInput(nn.Module):
    """Indices int64 `[batch, frame, codebook]`: a learned table for each codebook, side by side, then mixed.

    Many codebooks get narrower tables, so that all of them have about as many numbers as the network behind.
    """

    offsets: Tensor

    def __init__(self, codebooks: int, codebook_size: int) -> None:
        super().__init__()
        entry = min(_WIDEST_ENTRY, max(1, _TABLE_NUMBERS // (codebooks * codebook_size)))
        self.tables = nn.Embedding(codebooks * codebook_size, entry)
        # Entries start nearly alike: those of rare codes would otherwise stay the noise that they begin as.
        nn.init.normal_(self.tables.weight, std=_TABLE_DEVIATION)
        self.register_buffer("offsets", torch.arange(codebooks) * codebook_size, persistent=False)
        self.mix = nn.Linear(codebooks * entry, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """`[batch, frame, WIDTH]`."""
        mixed: Tensor = self.mix(self.tables(x + self.offsets).flatten(2))
        return mixed


class _Block(nn.Module):
    """A residual convolution over time, `[batch, frame, WIDTH]`."""

    def __init__(self, dilation: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH)
        self.convolution = nn.Conv1d(WIDTH, WIDTH, _KERNEL, padding="same", dilation=dilation)
        self.dropout = nn.Dropout(_DROPOUT)

    def forward(self, x: Tensor, inside: Tensor) -> Tensor:
        heard = (self.norm(x) * inside).transpose(1, 2)
        made: Tensor = self.dropout(nn.functional.gelu(self.convolution(heard))).transpose(1, 2)
        return x + made


class Recogniser(nn.Module):
    """Scores of classes for every frame, from 30 frames on either side of it."""

    def __init__(self, first: VectorInput | IndexInput, classes: int) -> None:
        super().__init__()
        self.first = first
        self.blocks = nn.ModuleList(_Block(dilation) for dilation in _DILATIONS)
        self.last = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, classes))

    def forward(self, x: Tensor, inside: Tensor) -> Tensor:
        """Scores `[batch, frame, class]` of inputs `[batch, frame, number]`.

        `inside`: bool `[batch, frame]`, which frames belong to the item; what follows does not matter.
        """
        mask = inside.unsqueeze(-1)
        x = self.first(x)
        for block in self.blocks:
            x = block(x, mask)
        scores: Tensor = self.last(x)
        return scores
