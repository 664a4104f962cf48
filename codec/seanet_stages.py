"""The stages of the SEANet codecs: residual units and a change of rate."""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor, nn

from codec.layers.activation import activation
from codec.layers.convolution import ConvolutionState
from codec.layers.padded_convolution import PaddedConvolution, Shape, Style, Window
from codec.layers.transposed_convolution import TransposedConvolution
from codec.seanet_network_config import SeanetConfig, groups_of


@dataclass(frozen=True, slots=True)
class StagePlan:
    """Width of a stage's residual units, its strides, and its position counted from the audio."""

    width: int
    time_ratio: int
    frequency_ratio: int
    position: int


@dataclass(frozen=True, slots=True)
class StageState:
    """Stream state of a stage: its residual units' and its resampling convolution's."""

    units: tuple[ConvolutionState, ...]
    resample: ConvolutionState


def style_of(config: SeanetConfig) -> Style:
    """What the convolutions of the network share."""
    return Style(
        config.causal,
        config.norm,
        config.padding == "reflect",
        config.completes_windows_at_start,
        config.trims_odd_strides,
    )


def stage_plans(config: SeanetConfig, filters: int) -> tuple[StagePlan, ...]:
    """The stages from the audio, where there are `filters` channels, to the latent."""
    frequency = config.frequency_ratios or (1,) * len(config.time_ratios)
    pairs = zip(reversed(config.time_ratios), reversed(frequency), strict=True)
    return tuple(StagePlan(filters << i, time, rows, i) for i, (time, rows) in enumerate(pairs))


class ResidualUnit(nn.Module):
    """Activation, dilated convolution to fewer channels, activation, 1 x 1 convolution back, and a shortcut.

    The shortcut is a 1 x 1 convolution, or nothing at all.
    """

    def __init__(self, config: SeanetConfig, width: int, dilation: int, group_ratio: int) -> None:
        super().__init__()
        style, inner = style_of(config), width // config.compress
        two = config.two_dimensional
        rows, point = (Window(config.residual_kernel), Window()) if two else (None, None)
        time = Window(config.residual_kernel, dilation=dilation)
        groups = groups_of(inner, group_ratio)
        self.before_inner = activation(config.activation, width)
        self.inner = PaddedConvolution(Shape(width, inner, time, rows, groups), style)
        self.before_outer = activation(config.activation, inner)
        self.outer = PaddedConvolution(Shape(inner, width, Window(), point, groups), style)
        self.shortcut = None
        if config.shortcut == "convolution":
            shape = Shape(width, width, Window(), point, groups_of(width, group_ratio))
            self.shortcut = PaddedConvolution(shape, style)

    def forward(self, x: Tensor, lengths: Tensor | None) -> Tensor:
        """`[batch, width, (frequency,) time]` to the same shape."""
        inner, _ = self.inner(self.before_inner(x), lengths)
        return self._joined(x, inner, lengths)

    def step(self, x: Tensor, state: ConvolutionState) -> tuple[Tensor, ConvolutionState]:
        """The output of the next steps, and the new state; only the inner convolution looks back."""
        inner, state = self.inner.step(self.before_inner(x), state)
        return self._joined(x, inner, None), state

    def _joined(self, x: Tensor, inner: Tensor, lengths: Tensor | None) -> Tensor:
        outer, _ = self.outer(self.before_outer(inner), lengths)
        kept = x if self.shortcut is None else self.shortcut(x, lengths)[0]
        return kept + outer  # type: ignore[no-any-return]


def _units(config: SeanetConfig, width: int, group_ratio: int) -> nn.ModuleList:
    return nn.ModuleList(
        ResidualUnit(config, width, config.dilation_base**j, group_ratio)
        for j in range(config.residual_units)
    )


class _Stage(nn.Module):
    """What both kinds of stages share."""

    units: nn.ModuleList
    resample: PaddedConvolution | TransposedConvolution

    def fresh_state(self, slots: int, unit_rows: int, resample_rows: int) -> StageState:
        """State of streams that have heard nothing yet; rows of frequency, 0 without that axis."""
        units = tuple(unit.inner.fresh_state(slots, unit_rows) for unit in self._own_units())
        return StageState(units, self.resample.fresh_state(slots, resample_rows))

    def _own_units(self) -> Iterator[ResidualUnit]:
        for unit in self.units:
            assert isinstance(unit, ResidualUnit)
            yield unit

    def _step_units(self, x: Tensor, state: StageState) -> tuple[Tensor, tuple[ConvolutionState, ...]]:
        states = []
        for unit, unit_state in zip(self._own_units(), state.units, strict=True):
            x, unit_state = unit.step(x, unit_state)
            states.append(unit_state)
        return x, tuple(states)


class DownStage(_Stage):
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
        self.before_resample = activation(config.activation, plan.width)
        self.resample = PaddedConvolution(shape, style_of(config))

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """The output and the items' lengths in it."""
        for unit in self.units:
            x = unit(x, lengths)
        return self.resample(self.before_resample(x), lengths)  # type: ignore[no-any-return]

    def step(self, x: Tensor, state: StageState) -> tuple[Tensor, StageState]:
        """The output of the next whole strides, and the new state."""
        x, units = self._step_units(x, state)
        x, resample = self.resample.step(self.before_resample(x), state.resample)
        return x, StageState(units, resample)


class UpStage(_Stage):
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
        self.before_resample = activation(config.activation, 2 * plan.width)
        self.resample = TransposedConvolution(shape, style_of(config), rows_kept)
        self.units = _units(config, plan.width, config.decoder_group_ratio)

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """The output and the items' lengths in it."""
        x, lengths = self.resample(self.before_resample(x), lengths)
        for unit in self.units:
            x = unit(x, lengths)
        return x, lengths

    def step(self, x: Tensor, state: StageState) -> tuple[Tensor, StageState]:
        """The output of the next steps, and the new state."""
        x, resample = self.resample.step(self.before_resample(x), state.resample)
        x, units = self._step_units(x, state)
        return x, StageState(units, resample)
