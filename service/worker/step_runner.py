"""Steps of one shape in buffers that stay where they are, so that a CUDA graph can hold them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from codec.layers.state import gather, scatter_, tensors
from service.worker.mirror import Copies, Mirror


@dataclass(frozen=True, slots=True, eq=False)
class Direction:
    """One direction of a codec in steps, and the state of all its rows, the last of which is scratch.

    `step`: input `[row, channel, item]`, state and n_q to output `[row, channel, item]` and new state;
    `filler`: the input of rows without work.
    """

    state: Any
    step: Callable[[Tensor, Any, int], tuple[Tensor, Any]]
    filler: int

    @property
    def scratch_row(self) -> int:
        """The row that unused places of a step read and write."""
        return len(next(tensors(self.state))) - 1


def step_rows(direction: Direction, rows: Tensor, inputs: Tensor, n_q: int) -> Tensor:
    """Gather the state of `rows`, step them, scatter it; the output `[row, channel, item]`.

    Fit for a CUDA graph: no value of a tensor decides what is launched.
    """
    outputs, after = direction.step(inputs, gather(direction.state, rows), n_q)
    scatter_(direction.state, rows, after)
    return outputs


@dataclass(frozen=True, slots=True, eq=False)
class Buffers:
    """`[row, channel, item]` in and out, and which rows of state the places of a step are."""

    inputs: Mirror
    outputs: Mirror
    rows: Mirror


class StepRunner:
    """Runs steps of one shape for up to `width` rows; the places left over step the scratch row.

    `work` is all that happens on the device. It touches no memory of the host and leaves nothing behind but
    what is in the buffers and the state, so a `graph` of it may run in its place.
    """

    def __init__(self, direction: Direction, n_q: int, buffers: Buffers, copies: Copies) -> None:
        self.graph: Callable[[], None] | None = None
        self._direction = direction
        self._n_q = n_q
        self._buffers = buffers
        self._copies = copies
        # What is recorded before the first run must step nobody.
        buffers.rows.tensor.fill_(direction.scratch_row)

    def work(self) -> None:
        """Gather, step, scatter, and put the output where it is fetched from."""
        buffers = self._buffers
        outputs = step_rows(self._direction, buffers.rows.tensor, buffers.inputs.tensor, self._n_q)
        buffers.outputs.tensor.copy_(outputs)

    @torch.inference_mode()
    def run(self, rows: Sequence[int], inputs: NDArray[Any]) -> NDArray[Any]:
        """Step the rows: `[row, item, channel]` to `[row, item, channel]`, which the next run overwrites.

        `inputs` may have fewer channels than the model: codes of the first codebooks.
        """
        count, channels = len(rows), inputs.shape[2]
        places, given = self._buffers.rows.array, self._buffers.inputs.array
        places[:count] = rows
        places[count:] = self._direction.scratch_row
        given[:count, :channels] = inputs.transpose(0, 2, 1)
        given[:count, channels:] = self._direction.filler
        # Nothing of an earlier caller stays, not even to be computed with for nobody.
        given[count:] = self._direction.filler
        self._copies.send(self._buffers.rows, self._buffers.inputs)
        (self.graph or self.work)()
        self._copies.fetch(self._buffers.outputs)
        outputs: NDArray[Any] = self._buffers.outputs.array[:count].transpose(0, 2, 1)
        return outputs
