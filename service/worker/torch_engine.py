"""The engine that runs a real model: state of all rows in batched tensors, gathered, stepped, scattered."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from codec.layers.state import gather, reset_, scatter_
from codec.model_config import ModelConfig
from codec.streaming import StreamingCodec
from service.ipc import Operation
from service.worker.engine import Geometry


def geometry_of(config: ModelConfig) -> Geometry:
    """The numbers of a model that the schedulers need."""
    return Geometry(
        sample_rate=config.sample_rate,
        channels=config.channels,
        hop_samples=config.hop_samples,
        delay_samples=config.delay_samples,
        codebooks=config.quantizer.codebooks,
        codebook_size=config.quantizer.codebook_size,
    )


class TorchEngine:
    """`service.worker.engine.Engine` over a codec in steps, with `rows` rows of state per operation."""

    def __init__(self, codec: StreamingCodec, rows: int) -> None:
        self._codec = codec
        self._encoder = codec.encoder_state(rows)
        self._decoder = codec.decoder_state(rows)

    @property
    def max_rows(self) -> int:
        """Rows that step at once: enough to share what a step costs, and few enough to stay in memory."""
        return 64

    def counters(self) -> Mapping[str, int]:
        """Nothing."""
        return {}

    @torch.inference_mode()
    def reset(self, operation: Operation, rows: Sequence[int]) -> None:
        """Make the state of the rows that of a fresh stream."""
        state = self._encoder if operation == Operation.ENCODE else self._decoder
        reset_(state, torch.tensor(rows))

    @torch.inference_mode()
    def encode(self, rows: Sequence[int], audio: NDArray[np.float32], n_q: int) -> NDArray[np.uint16]:
        """Audio `[row, sample, channel]`, whole frames, to codes `[row, frame, n_q]`."""
        index = torch.tensor(rows)
        samples = torch.from_numpy(audio).transpose(1, 2)
        codes, state = self._codec.encode_step(samples, gather(self._encoder, index), n_q)
        scatter_(self._encoder, index, state)
        return codes.transpose(1, 2).numpy().astype(np.uint16)

    @torch.inference_mode()
    def decode(self, rows: Sequence[int], codes: NDArray[np.int64]) -> NDArray[np.float32]:
        """Codes `[row, frame, codebook]`, -1 = absent, to audio `[row, sample, channel]`, delay included."""
        index = torch.tensor(rows)
        tokens = torch.from_numpy(codes).transpose(1, 2)
        audio, state = self._codec.decode_step(tokens, gather(self._decoder, index))
        scatter_(self._decoder, index, state)
        return audio.transpose(1, 2).numpy()
