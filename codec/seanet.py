"""The SEANet encoder and decoder, over time or over frequency and time (paper, section 3 and table 2).

encoder  enter | stage: units, ELU, strided convolution | (squeeze) | LSTM | ELU | leave
decoder  enter | LSTM | (unsqueeze) | stage: ELU, transposed convolution, units | ELU | leave | (tanh)

DAC (Kumar et al. 2023) is the same with Snake for ELU and without LSTM.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from codec.layers.activation import activation
from codec.layers.convolution import ConvolutionState
from codec.layers.lstm import LstmState, SkipLstm
from codec.layers.padded_convolution import PaddedConvolution, Shape, Window
from codec.seanet_network_config import SeanetConfig
from codec.seanet_stages import DownStage, StageState, UpStage, stage_plans, style_of


@dataclass(frozen=True, slots=True)
class SeanetState:
    """Stream state of an encoder or decoder; `sequence` is empty without LSTM."""

    enter: ConvolutionState
    stages: tuple[StageState, ...]
    sequence: tuple[LstmState, ...]
    leave: ConvolutionState


class SeanetEncoder(nn.Module):
    """`[batch, channel, (frequency,) time]` to latent vectors `[batch, frame, dimension]`."""

    def __init__(self, config: SeanetConfig, channels: int, dimension: int) -> None:
        super().__init__()
        style = style_of(config)
        rows = Window(config.kernel) if config.two_dimensional else None
        self.enter = PaddedConvolution(Shape(channels, config.filters, Window(config.kernel), rows), style)
        self.plans = stage_plans(config, config.filters)
        self.stages = nn.ModuleList(DownStage(config, plan) for plan in self.plans)
        self.sequence = SkipLstm(config.top_width, config.lstm_layers) if config.lstm_layers else None
        self.before_leave = activation(config.activation, config.top_width)
        last = Shape(config.top_width, dimension, Window(config.latent_kernel))
        self.leave = PaddedConvolution(last, style)
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
        x, lengths = self.leave(self.before_leave(x), lengths)
        return x.transpose(1, 2), lengths

    def fresh_state(self, slots: int, rows: int) -> SeanetState:
        """State of streams that have heard nothing yet; `rows` of frequency at the input, 0 without."""
        enter, stages = self.enter.fresh_state(slots, rows), []
        for stage, plan in zip(_down(self.stages), self.plans, strict=True):
            stages.append(stage.fresh_state(slots, rows, rows))
            rows //= plan.frequency_ratio
        sequence = () if self.sequence is None else (self.sequence.fresh_state(slots),)
        return SeanetState(enter, tuple(stages), sequence, self.leave.fresh_state(slots, 0))

    def step(self, x: Tensor, state: SeanetState) -> tuple[Tensor, SeanetState]:
        """The latent vectors of the next whole strides, and the new state."""
        x, enter = self.enter.step(x, state.enter)
        x, stages = _step_stages(_down(self.stages), x, state.stages)
        if self.config.two_dimensional:
            x = x.squeeze(2)
        x, sequence = _step_sequence(self.sequence, x, state.sequence)
        x, leave = self.leave.step(self.before_leave(x), state.leave)
        return x.transpose(1, 2), SeanetState(enter, stages, sequence, leave)


class SeanetDecoder(nn.Module):
    """Latent vectors `[batch, frame, dimension]` to `[batch, channel, (frequency,) time]`.

    `extra_rows`: rows of high frequency that the last stage adds to what the strides give.
    """

    def __init__(self, config: SeanetConfig, channels: int, dimension: int, extra_rows: int = 0) -> None:
        super().__init__()
        style = style_of(config)
        width, top = config.decoder_width, config.decoder_top_width
        self.enter = PaddedConvolution(Shape(dimension, top, Window(config.kernel)), style)
        self.sequence = SkipLstm(top, config.lstm_layers) if config.lstm_layers else None
        self.plans = stage_plans(config, width)[::-1]
        self.stages = nn.ModuleList(UpStage(config, plan, extra_rows) for plan in self.plans)
        self.before_leave = activation(config.activation, width)
        rows = Window(config.last_kernel) if config.two_dimensional else None
        self.leave = PaddedConvolution(Shape(width, channels, Window(config.last_kernel), rows), style)
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
        x, lengths = self.leave(self.before_leave(x), lengths)
        return self._bounded(x), lengths

    @property
    def dtype(self) -> torch.dtype:
        """Of its weights, and of the state that a stream leaves."""
        return self.enter.convolution.weight.dtype

    def fresh_state(self, slots: int) -> SeanetState:
        """State of streams that have said nothing yet."""
        rows, stages = int(self.config.two_dimensional), []
        enter = self.enter.fresh_state(slots, 0)
        for stage, plan in zip(_up(self.stages), self.plans, strict=True):
            stages.append(stage.fresh_state(slots, rows * plan.frequency_ratio, rows))
            rows *= plan.frequency_ratio
        sequence = () if self.sequence is None else (self.sequence.fresh_state(slots),)
        return SeanetState(enter, tuple(stages), sequence, self.leave.fresh_state(slots, rows))

    def step(self, latent: Tensor, state: SeanetState) -> tuple[Tensor, SeanetState]:
        """The network's output for the next latent vectors, and the new state."""
        x, enter = self.enter.step(latent.transpose(1, 2), state.enter)
        x, sequence = _step_sequence(self.sequence, x, state.sequence)
        if self.config.two_dimensional:
            x = x.unsqueeze(2)
        x, stages = _step_stages(_up(self.stages), x, state.stages)
        x, leave = self.leave.step(self.before_leave(x), state.leave)
        return self._bounded(x), SeanetState(enter, stages, sequence, leave)

    def _bounded(self, x: Tensor) -> Tensor:
        return x.tanh() if self.config.output == "tanh" else x


def _down(stages: nn.ModuleList) -> Iterator[DownStage]:
    for stage in stages:
        assert isinstance(stage, DownStage)
        yield stage


def _up(stages: nn.ModuleList) -> Iterator[UpStage]:
    for stage in stages:
        assert isinstance(stage, UpStage)
        yield stage


def _step_stages(
    stages: Iterator[DownStage | UpStage], x: Tensor, states: tuple[StageState, ...]
) -> tuple[Tensor, tuple[StageState, ...]]:
    after = []
    for stage, state in zip(stages, states, strict=True):
        x, state = stage.step(x, state)
        after.append(state)
    return x, tuple(after)


def _step_sequence(
    sequence: SkipLstm | None, x: Tensor, states: tuple[LstmState, ...]
) -> tuple[Tensor, tuple[LstmState, ...]]:
    if sequence is None:
        return x, ()
    x, state = sequence.step(x, states[0])
    return x, (state,)
