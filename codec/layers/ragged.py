"""Batches of items of different lengths: what stands after an item's end must not reach it.

`lengths` is int64 `[batch]`, counted in steps of the tensor's last axis, or None where every item fills
the tensor.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


def ends_of(lengths: Sequence[int], steps: int, device: torch.device) -> Tensor | None:
    """The lengths as a tensor on `device`, or None where every item has `steps`."""
    return None if all(length == steps for length in lengths) else torch.tensor(lengths, device=device)


def inside(lengths: Tensor, steps: int) -> Tensor:
    """`[batch, steps]`, true up to each item's end."""
    return torch.arange(steps, device=lengths.device) < lengths[:, None]


def silence(x: Tensor, lengths: Tensor | None) -> Tensor:
    """`[batch, ..., time]` with zeros after each item's end."""
    if lengths is None:
        return x
    kept = inside(lengths, x.shape[-1])
    return x.masked_fill(~kept.view(x.shape[0], *(1,) * (x.dim() - 2), -1), 0.0)


@dataclass(frozen=True, slots=True)
class Padding:
    """What a convolution adds around the time axis.

    `start`, `end`: steps at either side; `stride`: the end, or with `completes_at_start` the start, gets as
    many more as complete the last window; `reflect`: mirror the signal, else zeros. A signal too short to
    mirror gets zeros at its end first.
    """

    start: int
    end: int
    stride: int = 1
    reflect: bool = False
    completes_at_start: bool = False

    def lacking(self, steps: int) -> int:
        """Steps that the last window of an item lacks."""
        return -steps % self.stride

    def apply(self, x: Tensor, lengths: Tensor | None) -> Tensor:
        """Pad `[batch, ..., time]`, every item at its own end."""
        if lengths is None:
            return self._uniform(x)
        lacking = -lengths % self.stride
        start = self.start + lacking * self.completes_at_start
        end = self.end + lacking * (not self.completes_at_start)
        total = start + lengths + end
        position = torch.arange(int(total.max()), device=x.device)
        source = position - start[:, None]
        if self.reflect:
            last = torch.maximum(lengths, torch.maximum(start, end) + 1)[:, None] - 1
            source = last - (last - source.abs()).abs()
        heard = (source >= 0) & (source < lengths[:, None]) & (position < total[:, None])
        shape = (x.shape[0], *(1,) * (x.dim() - 2), -1)
        index = source.clamp(0, x.shape[-1] - 1).view(shape).expand(*x.shape[:-1], -1)
        return x.gather(-1, index).masked_fill(~heard.view(shape), 0.0)

    def _uniform(self, x: Tensor) -> Tensor:
        lacking = self.lacking(x.shape[-1])
        start = self.start + lacking * self.completes_at_start
        end = self.end + lacking * (not self.completes_at_start)
        if start == end == 0:
            return x
        if not self.reflect:
            return functional.pad(x, (start, end))
        short = max(0, max(start, end) + 1 - x.shape[-1])
        flat = functional.pad(x, (0, short)).flatten(1, -2)
        padded = functional.pad(flat, (start, end), mode="reflect").unflatten(1, x.shape[1:-1])
        kept: Tensor = padded[..., : padded.shape[-1] - short]
        return kept
