"""What every codec that streams can do, whatever its family."""

from typing import Any, Protocol

from torch import Tensor

from codec.model_config import ModelConfig


class StreamingCodec(Protocol):
    """A codec in steps; the state belongs to the codec that made it, one row for each stream."""

    @property
    def config(self) -> ModelConfig:
        """The model's config."""

    def encoder_state(self, slots: int) -> Any:
        """Fresh state of `slots` encoder streams."""

    def decoder_state(self, slots: int) -> Any:
        """Fresh state of `slots` decoder streams."""

    def encode_step(self, audio: Tensor, state: Any, n_q: int) -> tuple[Tensor, Any]:
        """Codes int64 `[batch, n_q, frame]` of the next samples `[batch, channel, frames * hop]`."""

    def decode_step(self, codes: Tensor, state: Any) -> tuple[Tensor, Any]:
        """The next samples `[batch, channel, frames * hop]` of codes `[batch, n_q, frame]`.

        The first `delay_samples` of a stream precede sample 0. A code of `ABSENT` leaves its codebook out.
        """
