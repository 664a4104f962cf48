"""The frame-rate networks of the spectral codecs: features to latent vectors, and back."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from codec.config import CodecConfig
from codec.layers.block import ResidualBlock
from codec.layers.convolution import ConvolutionState
from codec.layers.pauses import pause


@dataclass(frozen=True, slots=True)
class NetworkState:
    """State of a stack: one per block, in order."""

    blocks: tuple[ConvolutionState, ...]


class FrameNetwork(nn.Module):
    """Linear in, residual blocks, linear out: `[batch, frame, in]` to `[batch, frame, out]`.

    There is no norm on the trunk, so the path from input to output starts, and may stay, linear. That is
    what lets training begin at a linear transform codec (`training.linear_start`) instead of at noise.
    """

    def __init__(self, inputs: int, outputs: int, blocks: int, config: CodecConfig) -> None:
        super().__init__()
        network = config.network
        self.enter = nn.Linear(inputs, network.width)
        self.blocks = nn.ModuleList(
            ResidualBlock(network.width, network.expansion, network.kernel_frames) for _ in range(blocks)
        )
        self.leave = nn.Linear(network.width, outputs)

    @property
    def dtype(self) -> torch.dtype:
        """Of its weights, and of the state that a stream leaves."""
        return self.enter.weight.dtype

    def fresh_state(self, slots: int) -> NetworkState:
        """State of streams that have heard nothing yet."""
        return NetworkState(tuple(self._block(i).fresh_state(slots) for i in range(len(self.blocks))))

    def _block(self, index: int) -> ResidualBlock:
        block = self.blocks[index]
        assert isinstance(block, ResidualBlock)
        return block

    def step(self, x: Tensor, state: NetworkState) -> tuple[Tensor, NetworkState]:
        """The output for the next frames, and the new state."""
        pause()
        x = self.enter(x)
        states = []
        for index, block_state in enumerate(state.blocks):
            pause()
            x, block_state = self._block(index).step(x, block_state)
            states.append(block_state)
        pause()
        return self.leave(x), NetworkState(tuple(states))
