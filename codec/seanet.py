"""The SEANet encoder and decoder, over time or over frequency and time (paper, section 3 and table 2).

encoder  enter | stage: units, ELU, strided convolution | (squeeze) | LSTM | ELU | leave
decoder  enter | LSTM | (unsqueeze) | stage: ELU, transposed convolution, units | ELU | leave
"""

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from codec.layers.lstm import SkipLstm
from codec.layers.padded_convolution import PaddedConvolution, Shape, Style, Window
from codec.layers.transposed_convolution import TransposedConvolution
from codec.seanet_config import SeanetConfig, groups_of


@dataclass(frozen=True, slots=True)
class StagePlan:
    """Width of a stage's residual units, its strides, and its position counted from the audio."""

    width: int
    time_ratio: int
    frequency_ratio: int
    position: int


def style_of(config: SeanetConfig) -> Style:
    """What the convolutions of the network share."""
    return Style(config.causal, config.norm, config.padding == "reflect", config.completes_windows_at_start)


def stage_plans(config: SeanetConfig) -> tuple[StagePlan, ...]:
    """The stages from the audio to the latent."""
    frequency = config.frequency_ratios or (1,) * len(config.time_ratios)
    pairs = zip(reversed(config.time_ratios), reversed(frequency), strict=True)
    return tuple(StagePlan(config.filters << i, time, rows, i) for i, (time, rows) in enumerate(pairs))


class ResidualUnit(nn.Module):
    """ELU, dilated convolution to fewer channels, ELU, 1 x 1 convolution back, and a 1 x 1 shortcut."""

    def __init__(self, config: SeanetConfig, width: int, dilation: int, group_ratio: int) -> None:
        super().__init__()
        style, inner = style_of(config), width // config.compress
        two = config.two_dimensional
        rows, point = (Window(config.residual_kernel), Window()) if two else (None, None)
        time = Window(config.residual_kernel, dilation=dilation)
        groups = groups_of(inner, group_ratio)
        self.inner = PaddedConvolution(Shape(width, inner, time, rows, groups), style)
        self.outer = PaddedConvolution(Shape(inner, width, Window(), point, groups), style)
        self.shortcut = PaddedConvolution(
            Shape(width, width, Window(), point, groups_of(width, group_ratio)), style
        )

    def forward(self, x: Tensor, lengths: Tensor | None) -> Tensor:
        """`[batch, width, (frequency,) time]` to the same shape."""
        inner, _ = self.inner(functional.elu(x), lengths)
        outer, _ = self.outer(functional.elu(inner), lengths)
        kept, _ = self.shortcut(x, lengths)
        return kept + outer  # type: ignore[no-any-return]


def _units(config: SeanetConfig, width: int, group_ratio: int) -> nn.ModuleList:
    return nn.ModuleList(
        ResidualUnit(config, width, config.dilation_base**j, group_ratio)
        for j in range(config.residual_units)
    )


class DownStage(nn.Module):
    """Residual units, then a strided convolution to twice the width."""

    def __init__(self, config: SeanetConfig, plan: StagePlan) -> None:
        super().__init__()
        self.units = _units(config, plan.width, config.encoder_group_ratio)
        rows = Window(2 * plan.frequency_ratio, plan.frequency_ratio) if config.two_dimensional else None
        shape = Shape(
            plan.width,
            2 * plan.width,
            Window(2 * plan.time_ratio, plan.time_ratio),
            rows,
            groups_of(plan.width, config.encoder_group_ratio),
        )
        self.resample = PaddedConvolution(shape, style_of(config))

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """The output and the items' lengths in it."""
        for unit in self.units:
            x = unit(x, lengths)
        return self.resample(functional.elu(x), lengths)  # type: ignore[no-any-return]


class UpStage(nn.Module):
    """A transposed convolution to half the width, then residual units."""

    def __init__(self, config: SeanetConfig, plan: StagePlan, extra_rows: int) -> None:
        super().__init__()
        rows = Window(2 * plan.frequency_ratio, plan.frequency_ratio) if config.two_dimensional else None
        shape = Shape(
            2 * plan.width,
            plan.width,
            Window(2 * plan.time_ratio, plan.time_ratio),
            rows,
            groups_of(2 * plan.width, config.upsampling_group_ratio),
        )
        rows_kept = extra_rows if plan.position == 0 else 0
        self.resample = TransposedConvolution(shape, style_of(config), rows_kept)
        self.units = _units(config, plan.width, config.decoder_group_ratio)

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """The output and the items' lengths in it."""
        x, lengths = self.resample(functional.elu(x), lengths)
        for unit in self.units:
            x = unit(x, lengths)
        return x, lengths


class SeanetEncoder(nn.Module):
    """`[batch, channel, (frequency,) time]` to latent vectors `[batch, frame, dimension]`."""

    def __init__(self, config: SeanetConfig, channels: int, dimension: int) -> None:
        super().__init__()
        style = style_of(config)
        rows = Window(config.kernel) if config.two_dimensional else None
        self.enter = PaddedConvolution(Shape(channels, config.filters, Window(config.kernel), rows), style)
        self.stages = nn.ModuleList(DownStage(config, plan) for plan in stage_plans(config))
        self.sequence = SkipLstm(config.top_width, config.lstm_layers) if config.lstm_layers else None
        self.leave = PaddedConvolution(Shape(config.top_width, dimension, Window(config.last_kernel)), style)
        self.config = config

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """The latent vectors, and how many of them each item has."""
        x, lengths = self.enter(x, lengths)
        for stage in self.stages:
            x, lengths = stage(x, lengths)
        if self.config.two_dimensional:
            x = x.squeeze(2)
        if self.sequence is not None:
            x = self.sequence(x)
        x, lengths = self.leave(functional.elu(x), lengths)
        return x.transpose(1, 2), lengths


class SeanetDecoder(nn.Module):
    """Latent vectors `[batch, frame, dimension]` to `[batch, channel, (frequency,) time]`.

    `extra_rows`: rows of high frequency that the last stage adds to what the strides give.
    """

    def __init__(self, config: SeanetConfig, channels: int, dimension: int, extra_rows: int = 0) -> None:
        super().__init__()
        style = style_of(config)
        self.enter = PaddedConvolution(Shape(dimension, config.top_width, Window(config.kernel)), style)
        self.sequence = SkipLstm(config.top_width, config.lstm_layers) if config.lstm_layers else None
        plans = reversed(stage_plans(config))
        self.stages = nn.ModuleList(UpStage(config, plan, extra_rows) for plan in plans)
        rows = Window(config.last_kernel) if config.two_dimensional else None
        self.leave = PaddedConvolution(
            Shape(config.filters, channels, Window(config.last_kernel), rows), style
        )
        self.config = config

    def forward(self, latent: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """The network's output, and the items' lengths in it."""
        x, lengths = self.enter(latent.transpose(1, 2), lengths)
        if self.sequence is not None:
            x = self.sequence(x)
        if self.config.two_dimensional:
            x = x.unsqueeze(2)
        for stage in self.stages:
            x, lengths = stage(x, lengths)
        return self.leave(functional.elu(x), lengths)  # type: ignore[no-any-return]
