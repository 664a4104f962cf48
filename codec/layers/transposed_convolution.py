"""Up-sampling convolutions of the SEANet codecs: computed in full, then cut to whole strides."""

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from codec.layers.convolution import ConvolutionState
from codec.layers.norm import TimeGroupNorm
from codec.layers.padded_convolution import Shape, Style
from codec.layers.pauses import pause
from codec.layers.ragged import silence


class TransposedConvolution(nn.Module):
    """`[batch, channel, (frequency,) time]` to `time * stride` steps, normed before the cut.

    Over time a causal layer is cut at the end only; others, and the frequency axis, at both ends, the start
    by one more where the number is odd. `extra_rows` keeps that many more rows of high frequency. A style
    that trims odd strides cuts the end by as much as the start, so that one step is missing.
    """

    def __init__(self, shape: Shape, style: Style, extra_rows: int = 0) -> None:
        super().__init__()
        self.shape = shape
        layer = nn.ConvTranspose1d if shape.frequency is None else nn.ConvTranspose2d
        convolution = layer(
            shape.inputs,
            shape.outputs,
            shape.along("kernel"),  # type: ignore[arg-type]
            shape.along("stride"),  # type: ignore[arg-type]
            groups=shape.groups,
        )
        self.convolution = weight_norm(convolution) if style.norm == "weight_norm" else convolution
        self.norm = TimeGroupNorm(shape.outputs) if style.norm == "time_group_norm" else None
        overlap = shape.time.overlap
        self.start = 0 if style.causal else overlap - overlap // 2
        self.missing = shape.time.stride % 2 if style.trims_odd_strides else 0
        self.extra_rows = extra_rows

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """The output and the items' lengths in it."""
        stride = self.shape.time.stride
        full = self.convolution(silence(x, lengths))
        steps = x.shape[-1] * stride - self.missing
        lengths = None if lengths is None else lengths * stride
        if self.norm is not None:
            full = self.norm(full, None if lengths is None else lengths + self.shape.time.overlap)
        lengths = None if lengths is None else lengths - self.missing
        return self._cut_rows(full[..., self.start : self.start + steps]), lengths

    def fresh_state(self, slots: int, rows: int) -> ConvolutionState:
        """State of streams that have heard nothing yet; `rows` of frequency, 0 without that axis."""
        axes = (rows,) if self.shape.frequency else ()
        bias = self.convolution.bias
        assert isinstance(bias, Tensor)
        return ConvolutionState(bias.new_zeros(slots, self.shape.inputs, *axes, self._reach))

    def step(self, x: Tensor, state: ConvolutionState) -> tuple[Tensor, ConvolutionState]:
        """The output of the next steps; a causal layer without group norm only.

        The inputs that still reach into the next output are convolved again, so that every output is the
        same sum whatever the split into steps.
        """
        pause()
        stride = self.shape.time.stride
        seen = torch.cat((state.past, x), dim=-1)
        start = self._reach * stride
        y = self.convolution(seen)[..., start : start + x.shape[-1] * stride]
        return self._cut_rows(y), ConvolutionState(seen[..., seen.shape[-1] - self._reach :])

    @property
    def _reach(self) -> int:
        """Inputs before the present one that an output is made of."""
        return -(-self.shape.time.overlap // self.shape.time.stride)

    def _cut_rows(self, y: Tensor) -> Tensor:
        if self.shape.frequency is None:
            return y
        overlap = self.shape.frequency.overlap
        end = overlap // 2 - self.extra_rows
        start = overlap - overlap // 2
        return y[..., start : y.shape[-2] - end, :]
