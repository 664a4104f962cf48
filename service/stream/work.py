"""What the sub-commands of `codecd stream` do."""

import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from codec.container import CdcHeader, CdcReader
from codec.errors import TokenSpaceMismatchError
from codec.tokens import Codes, TokenFormat, TokenIdentity
from service.client import AudioChunk, Client, Selection, TokenChunk
from service.model_info import ModelInfo
from service.stream.inputs import audio_input, cdc_input, packed_input
from service.stream.interrupt import Interrupt
from service.stream.options import n_q_of
from service.stream.outputs import AudioOutput, CdcOutput, PackedOutput, TokenOutput
from service.stream.report import Report


@dataclass(frozen=True, slots=True)
class Work:
    """What a run has at hand; `sink` is where its output goes."""

    arguments: Namespace
    client: Client
    interrupt: Interrupt
    sink: BinaryIO

    def report(self, info: ModelInfo) -> Report:
        """Counts of this run."""
        name = f"{self.arguments.action} by {info.model}@{info.version}"
        return Report(name, info.sample_rate, info.hop_samples, verbose=self.arguments.verbose)


def encode(work: Work) -> None:
    """Audio in, tokens out. Raises `ClientError`, `CodecError` or `OSError`, as all of these do."""
    arguments = work.arguments
    info = work.client.model(arguments.model)
    n_q = n_q_of(arguments, info)
    report = work.report(info)
    pieces = report.watch(audio_input(arguments, info, work.interrupt))
    chunks = work.client.stream_encode(
        pieces, Selection(arguments.model, n_q), resume_seconds=arguments.resume_seconds
    )
    output = _token_output(work, info, n_q)
    n_samples = None
    try:
        for chunk in chunks:
            output.write(_of_space(chunk, info))
            frames = chunk.codes.shape[1]
            report.coded(frames, n_q * _bits(info))
            report.came((chunk.first_frame + frames) * info.hop_samples)
        n_samples = report.items_in
    finally:
        output.finish(n_samples)
    _tell(report.line())


def decode(work: Work) -> None:
    """Tokens in, audio out."""
    arguments = work.arguments
    if arguments.tokens == "u16":
        info = work.client.model(arguments.model)
        given, token_space = packed_input(arguments, info, work.interrupt), arguments.token_space
    else:
        path: Path | None = arguments.input
        reader = CdcReader(work.interrupt.stdin() if path is None else path, tolerant=True)
        info = work.client.model(arguments.model or reader.header.identity.model)
        given, token_space = cdc_input(reader, arguments, work.interrupt), reader.header.identity.token_space
    report = work.report(info)
    pieces = _counted(report.watch(given.pieces), report, info)
    chunks = work.client.stream_decode(
        pieces, token_space, arguments.model, resume_seconds=arguments.resume_seconds
    )
    _write_audio(work, _until(chunks, given.n_samples), info, report.came)
    _tell(report.line())


def reconstruct(work: Work) -> None:
    """Audio through the codec and back."""
    arguments = work.arguments
    info = work.client.model(arguments.model)
    n_q = n_q_of(arguments, info)
    report = work.report(info)
    pieces = report.watch(audio_input(arguments, info, work.interrupt))
    chunks = work.client.stream_reconstruct(
        pieces, Selection(arguments.model, n_q), resume_seconds=arguments.resume_seconds
    )
    told = 0

    def heard(frames: int) -> None:
        nonlocal told
        report.coded(frames - told, n_q * _bits(info))
        told = frames
        report.came(frames * info.hop_samples)

    _write_audio(work, chunks, info, heard)
    _tell(report.line())


def _token_output(work: Work, info: ModelInfo, n_q: int) -> TokenOutput:
    if work.arguments.tokens == "u16":
        return PackedOutput(work.sink)
    identity = TokenIdentity(info.model, info.version, info.token_space)
    form = TokenFormat(info.sample_rate, info.hop_samples, info.codebook_size)
    return CdcOutput(work.sink, CdcHeader(identity, form, n_q))


def _write_audio(
    work: Work, chunks: Iterator[AudioChunk], info: ModelInfo, heard: Callable[[int], None]
) -> None:
    """Write audio as it comes; `heard` is told how many frames all of it was made of."""
    output = AudioOutput(work.sink, work.arguments.audio, info.sample_rate)
    try:
        for chunk in chunks:
            output.write(chunk.samples)
            end = chunk.first_sample + len(chunk.samples)
            heard(-(-(end + info.delay_samples) // info.hop_samples))
    finally:
        output.finish()
    if output.n_clipped:
        _tell(f"{output.n_clipped} samples were clipped at full scale")


def _of_space(chunk: TokenChunk, info: ModelInfo) -> Codes:
    """The codes, if they are those that the header of the file has announced."""
    identity = chunk.identity
    if identity.token_space != info.token_space:
        raise TokenSpaceMismatchError(
            f"{identity.model}@{identity.version} came in the place of {info.version} and has another token "
            "space; start again"
        )
    return chunk.codes


def _counted(pieces: Iterator[Codes], report: Report, info: ModelInfo) -> Iterator[Codes]:
    for piece in pieces:
        report.coded(piece.shape[1], piece.shape[0] * _bits(info))
        yield piece


def _until(chunks: Iterator[AudioChunk], n_samples: int | None) -> Iterator[AudioChunk]:
    """The audio without the padding of the last frame, where it is known how much that is."""
    for chunk in chunks:
        room = len(chunk.samples) if n_samples is None else max(0, n_samples - chunk.first_sample)
        yield replace(chunk, samples=chunk.samples[:room])


def _bits(info: ModelInfo) -> int:
    return (info.codebook_size - 1).bit_length()


def _tell(text: str) -> None:
    print(f"codecd: {text}", file=sys.stderr, flush=True)
