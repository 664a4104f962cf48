"""Convolutions of the SEANet codecs, over time or over frequency and time, with their padding and norm."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

from codec.layers.convolution import ConvolutionState
from codec.layers.norm import TimeGroupNorm
from codec.layers.pauses import pause
from codec.layers.ragged import Padding


@dataclass(frozen=True, slots=True)
class Window:
    """How a convolution moves along one axis."""

    kernel: int = 1
    stride: int = 1
    dilation: int = 1

    @property
    def overlap(self) -> int:
        """Steps that two neighbouring windows share: what has to be padded."""
        return (self.kernel - 1) * self.dilation + 1 - self.stride


@dataclass(frozen=True, slots=True)
class Style:
    """What all convolutions of a network share; the fields are those of `SeanetConfig`."""

    causal: bool
    norm: str
    reflect: bool
    completes_at_start: bool
    trims_odd_strides: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """Channels in and out, the windows, and groups; `frequency` is None for a convolution over time only."""

    inputs: int
    outputs: int
    time: Window
    frequency: Window | None = None
    groups: int = 1

    def along(self, attribute: str) -> tuple[int, ...]:
        """`kernel`, `stride` or `dilation`, frequency first."""
        windows = (self.time,) if self.frequency is None else (self.frequency, self.time)
        return tuple(getattr(window, attribute) for window in windows)


class PaddedConvolution(nn.Module):
    """`[batch, channel, (frequency,) time]` to `ceil(time / stride)` steps, then the norm.

    Over time a causal layer pads the start only; others, and the frequency axis, pad both ends, the start by
    one more where the number is odd. The last window is completed over time, never over frequency.
    """

    def __init__(self, shape: Shape, style: Style, normed: bool = True) -> None:
        super().__init__()
        self.shape, self.style = shape, style
        layer = nn.Conv1d if shape.frequency is None else nn.Conv2d
        convolution = layer(
            shape.inputs,
            shape.outputs,
            shape.along("kernel"),  # type: ignore[arg-type]
            shape.along("stride"),  # type: ignore[arg-type]
            dilation=shape.along("dilation"),  # type: ignore[arg-type]
            groups=shape.groups,
        )
        norm = style.norm if normed else "none"
        self.convolution = weight_norm(convolution) if norm == "weight_norm" else convolution
        self.norm = TimeGroupNorm(shape.outputs) if norm == "time_group_norm" else None
        end = 0 if style.causal else shape.time.overlap // 2
        self.padding = Padding(
            shape.time.overlap - end, end, shape.time.stride, style.reflect, style.completes_at_start
        )

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """The output and the items' lengths in it."""
        y = self.convolution(self._pad_rows(self.padding.apply(x, lengths)))
        stride = self.shape.time.stride
        if lengths is not None and stride > 1:
            lengths = -(-lengths // stride)
        return (y if self.norm is None else self.norm(y, lengths)), lengths

    def fresh_state(self, slots: int, rows: int) -> ConvolutionState:
        """State of streams that have heard nothing yet; `rows` of frequency, 0 without that axis."""
        axes = (rows,) if self.shape.frequency else ()
        past = self.shape.time.overlap
        bias = self.convolution.bias
        assert isinstance(bias, Tensor)
        return ConvolutionState(bias.new_zeros(slots, self.shape.inputs, *axes, past))

    def step(self, x: Tensor, state: ConvolutionState) -> tuple[Tensor, ConvolutionState]:
        """Convolve the next whole strides; a causal layer with zero padding and no group norm only."""
        pause()
        seen = torch.cat((state.past, x), dim=-1)
        kept = seen[..., seen.shape[-1] - self.shape.time.overlap :]
        return self.convolution(self._pad_rows(seen)), ConvolutionState(kept)

    def _pad_rows(self, x: Tensor) -> Tensor:
        if self.shape.frequency is None or self.shape.frequency.overlap == 0:
            return x
        end = self.shape.frequency.overlap // 2
        mode = "reflect" if self.style.reflect else "constant"
        return functional.pad(x, (0, 0, self.shape.frequency.overlap - end, end), mode=mode)
