"""What goes into a stream of `codecd stream`: audio or tokens, from standard input, files, the microphone."""

import io
import math
import sys
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from codec.audio import PcmFormat
from codec.container import CdcReader
from codec.errors import ContainerError, InvalidRequestError, InvalidTokensError
from codec.tokens import Codes, TokenFormat, from_wire
from service.client.sources import PIECE_SECONDS, Samples, audio_file, microphone, paced, pcm_pieces
from service.model_info import ModelInfo
from service.stream.interrupt import Interrupt

Piece = NDArray[Any]

_READ_BYTES = 1 << 16
_FILE_PIECE_SECONDS = 0.5
_PCM: dict[str, PcmFormat] = {"s16le": "pcm_s16le", "f32le": "pcm_f32le"}


@dataclass(frozen=True, slots=True)
class TokenInput:
    """Codes `[codebook, frame]` as they come; `n_samples`: of the audio, None if only the end tells."""

    pieces: Iterator[Codes]
    n_samples: int | None = None


def audio_input(arguments: Namespace, info: ModelInfo, interrupt: Interrupt) -> Iterator[Samples]:
    """The audio that a command line names, at the model's rate. Raises `InvalidRequestError`."""
    rate = info.sample_rate
    if arguments.rate not in (None, rate):
        raise InvalidRequestError(
            f"{info.model} takes PCM of {rate} Hz, not of {arguments.rate}; resample it first "
            f"(sox ... -r {rate} -), or name an audio file, which is resampled here"
        )
    path: Path | None = arguments.input
    if arguments.microphone:
        if path is not None:
            raise InvalidRequestError("give an audio file or --microphone, not both")
        return microphone(rate, interrupt.event)
    if path is not None:
        pieces = audio_file(path, rate, _FILE_PIECE_SECONDS)
    else:
        pieces = pcm_pieces(_chunks(interrupt.stdin()), _PCM[arguments.pcm])
    return _timed(pieces, rate, arguments, interrupt)


def cdc_input(reader: CdcReader, arguments: Namespace, interrupt: Interrupt) -> TokenInput:
    """The codes of a `.cdc` file, finished or still growing."""
    form = reader.header.format
    pieces = _timed(_blocks(reader, interrupt), float(form.frame_rate), arguments, interrupt)
    return TokenInput(pieces, reader.n_samples)


def packed_input(arguments: Namespace, info: ModelInfo, interrupt: Interrupt) -> TokenInput:
    """Bare codes; raises `InvalidRequestError` where nothing says what they are."""
    if arguments.n_q is None:
        raise InvalidRequestError("u16 tokens do not say how many codebooks they have; give --n-q")
    if not arguments.token_space and "@" not in (arguments.model or ""):
        raise InvalidRequestError(
            "u16 tokens do not say what made them; give --token-space, or --model NAME@VERSION"
        )
    path: Path | None = arguments.input
    source = interrupt.stdin() if path is None else path.open("rb")
    form = TokenFormat(info.sample_rate, info.hop_samples, info.codebook_size)
    pieces = _packed(source, arguments.n_q, form.codebook_size)
    return TokenInput(_timed(pieces, float(form.frame_rate), arguments, interrupt))


def _timed(
    pieces: Iterator[Piece], items_per_second: float, arguments: Namespace, interrupt: Interrupt
) -> Iterator[Piece]:
    if not arguments.realtime:
        return paced(pieces, math.inf, interrupt.event)
    step = max(1, round(PIECE_SECONDS * items_per_second))
    return paced(_cut(pieces, step), items_per_second, interrupt.event)


def _cut(pieces: Iterator[Piece], step: int) -> Iterator[Piece]:
    for piece in pieces:
        for start in range(0, piece.shape[-1], step):
            yield piece[..., start : start + step]


def _chunks(source: io.BufferedReader) -> Iterator[bytes]:
    while chunk := source.read1(_READ_BYTES):
        yield chunk


def _blocks(reader: CdcReader, interrupt: Interrupt) -> Iterator[Codes]:
    frame = 0
    with reader:
        for block in reader:
            if block.first_frame != frame:
                raise ContainerError(
                    f"frames {frame} to {block.first_frame - 1} are lost; "
                    "codecd decode --recover decodes the rest"
                )
            frame += block.codes.shape[1]
            yield block.codes
        if not (reader.report.finished or interrupt.event.is_set()):
            print("codecd: the tokens stop without their end; what is there was sent", file=sys.stderr)


def _packed(source: io.BufferedReader, n_q: int, codebook_size: int) -> Iterator[Codes]:
    left = b""
    with source:
        for chunk in _chunks(source):
            left += chunk
            whole = len(left) - len(left) % (2 * n_q)
            if whole:
                yield from_wire(left[:whole], n_q, codebook_size)
            left = left[whole:]
    if left:
        raise InvalidTokensError(f"the tokens end inside a frame of {n_q} codebooks; is that their --n-q?")
