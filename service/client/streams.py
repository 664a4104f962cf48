"""What live streams are made of, common to both clients."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from codec.tokens import Codes, TokenIdentity
from proto.codec.v1 import codec_pb2 as pb
from service.client.errors import ServiceFailedError, TryAgainError
from service.client.exchange import Selection
from service.client.history import History, Piece

PcmInput = bytes | NDArray[np.float32]
"""Mono samples at the model's rate: float32 `[sample]`, or little-endian 16-bit bytes."""

KEEP_ALIVE_SECONDS = 10.0
"""How long a source may be silent before the service is told that the stream is still wanted."""

_GONE_RETRY_SECONDS = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class TokenChunk:
    """A piece of a coded stream: `codes` uint16 `[codebook, frame]` from frame `first_frame` on."""

    codes: Codes
    first_frame: int
    identity: TokenIdentity


@dataclass(frozen=True, slots=True, eq=False)
class AudioChunk:
    """A piece of decoded audio: `samples` float32 `[sample]` from sample `first_sample` on."""

    samples: NDArray[np.float32]
    first_sample: int
    sample_rate: int


class Talk(Protocol):
    """Words what goes into a stream and reads what comes back, over as many streams as it takes.

    `is_leaving` is set once the service wants the stream to end: no more input should be sent.
    """

    is_leaving: bool
    position: int
    """The first item of input that the stream has to be sent after it was opened."""

    @property
    def can_resume(self) -> bool:
        """Whether a stream after this one can go on where this one stops."""

    def needed_from(self, history: History) -> int:
        """The first item of input that a next stream would need."""

    def unpin(self) -> bool:
        """Ask for the version that is served rather than the one before; False if that is so already."""

    def piece(self, given: Any) -> Piece:
        """Input of the caller as items."""

    def open(self, history: History) -> Any:
        """The first request of a stream that goes on where the last one stopped."""

    def request(self, piece: Piece) -> Any:
        """A request with input."""

    def keep_alive(self) -> Any:
        """A request without input."""

    def chunks(self, response: Any) -> Iterator[Any]:
        """What an answer holds for the caller, if anything. Raises `ClientError`."""


def model_ref(model: str | None) -> pb.ModelRef:
    """`name`, `name@version` or `name@channel`; the service tells them apart."""
    return pb.ModelRef(model=model or "")


def rate_of(selection: Selection) -> pb.Rate | None:
    """n_q or bitrate, if one was chosen."""
    if selection.n_q is not None:
        return pb.Rate(n_q=selection.n_q)
    return None if selection.bitrate_bps is None else pb.Rate(bitrate_bps=selection.bitrate_bps)


def gone() -> TryAgainError:
    """What the end of a stream means that the service has cut short."""
    message = "the service went away; everything sent was answered, go on with a new stream"
    return TryAgainError("unavailable", message, _GONE_RETRY_SECONDS)


def opened_or_fail(opened: pb.Opened | None) -> pb.Opened:
    """Raise `ServiceFailedError` where output comes before Opened."""
    if opened is None:
        raise ServiceFailedError("internal", "the service sent output before Opened")
    return opened
