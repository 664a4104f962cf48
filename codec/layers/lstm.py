"""The sequence model between the stages and the latent: a forward LSTM with its input added."""

from dataclasses import dataclass

from torch import Tensor, nn

from codec.layers.pauses import pause


@dataclass(frozen=True, slots=True)
class LstmState:
    """`hidden`, `cell`: `[slot, layer, width]`; zeros before the first step."""

    hidden: Tensor
    cell: Tensor


class SkipLstm(nn.Module):
    """`[batch, channel, time]` to the same shape; looks back only, so an item's end needs no care."""

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        self.recurrence = nn.LSTM(width, width, layers, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        """The whole item."""
        steps = x.transpose(1, 2)
        heard: Tensor = self.recurrence(steps)[0]
        return (heard + steps).transpose(1, 2)

    def fresh_state(self, slots: int) -> LstmState:
        """State of streams that have heard nothing yet."""
        shape = (slots, self.recurrence.num_layers, self.recurrence.hidden_size)
        zeros = next(self.recurrence.parameters()).new_zeros(shape)
        return LstmState(zeros, zeros.clone())

    def step(self, x: Tensor, state: LstmState) -> tuple[Tensor, LstmState]:
        """The output for the next steps, and the new state."""
        pause()
        steps = x.transpose(1, 2)
        before = (state.hidden.transpose(0, 1).contiguous(), state.cell.transpose(0, 1).contiguous())
        heard, (hidden, cell) = self.recurrence(steps, before)
        return (heard + steps).transpose(1, 2), LstmState(hidden.transpose(0, 1), cell.transpose(0, 1))
