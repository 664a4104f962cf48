"""Messages of live streams, common to both clients."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codec.tokens import Codes, TokenIdentity, from_wire, to_wire
from proto.codec.v1 import codec_pb2 as pb
from service.client.errors import ServiceFailedError, TryAgainError
from service.client.exchange import Selection

PcmInput = bytes | NDArray[np.float32]
"""Mono samples at the model's rate: float32 `[sample]`, or little-endian 16-bit bytes."""

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


class EncodeTalk:
    """Words what goes to `StreamEncode` and reads what comes back.

    `is_leaving` is set once the service wants the stream to end: no more input should be sent.
    """

    def __init__(self, selection: Selection) -> None:
        self.is_leaving = False
        self._selection = selection
        self._opened: pb.Opened | None = None

    def open(self) -> pb.StreamEncodeRequest:
        """The first request."""
        chosen = self._selection
        opening = pb.OpenEncode(
            model=model_ref(chosen.model), rate=rate_of(chosen), format=pb.PCM_FORMAT_F32LE
        )
        return pb.StreamEncodeRequest(open=opening)

    def request(self, samples: PcmInput) -> pb.StreamEncodeRequest:
        """A piece of audio."""
        if isinstance(samples, bytes):
            samples = np.frombuffer(samples, "<i2").astype(np.float32) / np.float32(32768)
        return pb.StreamEncodeRequest(audio=pb.AudioChunk(samples=samples.astype("<f4").tobytes()))

    def chunks(self, response: pb.StreamEncodeResponse) -> Iterator[TokenChunk]:
        """The tokens in an answer, if any."""
        which = response.WhichOneof("message")
        if which == "opened":
            self._opened = response.opened
        elif which == "go_away":
            self.is_leaving = True
        elif which == "tokens":
            opened = opened_or_fail(self._opened)
            identity = opened.identity
            yield TokenChunk(
                from_wire(response.tokens.codes, response.tokens.n_q, opened.codebook_size),
                response.tokens.first_frame,
                TokenIdentity(identity.model, identity.version, identity.token_space),
            )


class DecodeTalk:
    """Words what goes to `StreamDecode` and reads what comes back; `is_leaving` as in `EncodeTalk`."""

    def __init__(self, token_space: str, model: str | None) -> None:
        self.is_leaving = False
        self._token_space = token_space
        self._model = model
        self._opened: pb.Opened | None = None

    def open(self) -> pb.StreamDecodeRequest:
        """The first request."""
        opening = pb.OpenDecode(
            model=model_ref(self._model), token_space=self._token_space, format=pb.PCM_FORMAT_F32LE
        )
        return pb.StreamDecodeRequest(open=opening)

    def request(self, tokens: TokenChunk | Codes) -> pb.StreamDecodeRequest:
        """A piece of tokens."""
        codes = tokens.codes if isinstance(tokens, TokenChunk) else tokens
        return pb.StreamDecodeRequest(tokens=pb.Tokens(n_q=codes.shape[0], codes=to_wire(codes)))

    def chunks(self, response: pb.StreamDecodeResponse) -> Iterator[AudioChunk]:
        """The audio in an answer, if any."""
        which = response.WhichOneof("message")
        if which == "opened":
            self._opened = response.opened
        elif which == "go_away":
            self.is_leaving = True
        elif which == "audio":
            samples = np.frombuffer(response.audio.samples, "<f4")
            rate = opened_or_fail(self._opened).sample_rate
            yield AudioChunk(samples, response.audio.first_sample, rate)


def model_ref(model: str | None) -> pb.ModelRef:
    """`name` or `name@version`."""
    name, _, version = (model or "").partition("@")
    return pb.ModelRef(model=name, version=version)


def rate_of(selection: Selection) -> pb.Rate | None:
    """n_q or bitrate, if one was chosen."""
    if selection.n_q is not None:
        return pb.Rate(n_q=selection.n_q)
    return None if selection.bitrate_bps is None else pb.Rate(bitrate_bps=selection.bitrate_bps)


def check_end(talk: Any) -> None:
    """Raise `TryAgainError` at the end of a stream that the service has cut short."""
    if talk.is_leaving:
        message = "the service went away; everything sent was answered, go on with a new stream"
        raise TryAgainError("unavailable", message, _GONE_RETRY_SECONDS)


def opened_or_fail(opened: pb.Opened | None) -> pb.Opened:
    """Raise `ServiceFailedError` where output comes before Opened."""
    if opened is None:
        raise ServiceFailedError("internal", "the service sent output before Opened")
    return opened
