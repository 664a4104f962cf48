"""Files of any length through a codec, at constant memory: audio to `.cdc`, `.cdc` to audio."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from codec.atomic import replacing
from codec.audio import AudioLimits, AudioReader, AudioWriter, FileFormat, Samples
from codec.checkpoint import LoadedCodec
from codec.container import CdcHeader, CdcReader, CdcWriter
from codec.errors import ContainerError, InvalidRequestError, TokenSpaceMismatchError
from codec.model import PIECE_FRAMES, Codec
from codec.tokens import Codes

Progress = Callable[[int], object]
"""Told how many more samples have been dealt with."""

UNLIMITED = AudioLimits(max_seconds=float(10**9))
"""For a person's own files, which are read block by block: only rates and channels are checked."""

_FORMATS: dict[str, FileFormat] = {".wav": "wav", ".flac": "flac"}


def encode_file(
    loaded: LoadedCodec, source: Path, target: Path, n_q: int, progress: Progress
) -> tuple[str, ...]:
    """Encode an audio file to a `.cdc` file, which appears whole or not at all.

    Returns what was odd about the audio, as `AudioReader.notes`. Raises what `AudioReader` raises, and
    `InvalidRequestError` for n_q.
    """
    codec = loaded.codec
    rate = codec.config.sample_rate
    with AudioReader(source, rate, UNLIMITED) as reader, replacing(target) as draft, draft.open("wb") as sink:
        header = CdcHeader(loaded.identity, loaded.token_format, n_q)
        writer = CdcWriter(sink, header)
        n_samples = 0

        def counted() -> Iterator[Samples]:
            nonlocal n_samples
            for block in reader:
                n_samples += block.shape[1]
                progress(block.shape[1])
                yield block

        for codes in encode_blocks(codec, counted(), n_q):
            writer.append(codes.numpy().astype(np.uint16))
        writer.finish(n_samples)
    return reader.notes


def encode_blocks(codec: Codec, blocks: Iterator[Samples], n_q: int) -> Iterator[Tensor]:
    """Codes `[n_q, frame]` of one recording that comes as blocks `[1, sample]`, piece by piece."""
    hop = codec.config.hop_samples
    state = codec.encoder_state(1)
    left = np.zeros((1, 0), np.float32)
    n_samples = n_frames = 0
    for block in blocks:
        n_samples += block.shape[1]
        left = np.concatenate((left, block), axis=1)
        whole = left.shape[1] // hop * hop
        if whole:
            codes, state = codec.encode_step(torch.from_numpy(left[None, :, :whole]), state, n_q)
            left = left[:, whole:].copy()
            n_frames += whole // hop
            yield codes[0]
    missing = codec.config.frames_for(n_samples) - n_frames
    padded = np.zeros((1, 1, missing * hop), np.float32)
    padded[0, :, : left.shape[1]] = left
    codes, _ = codec.encode_step(torch.from_numpy(padded), state, n_q)
    yield codes[0]


def decode_file(loaded: LoadedCodec, source: Path, target: Path, progress: Progress) -> int:
    """Decode a `.cdc` file to WAV or FLAC, by the name of `target`; returns how many samples were clipped.

    Raises `ContainerError` for a damaged file, `TokenSpaceMismatchError` for other codebooks, and
    `InvalidRequestError` for a target of another format.
    """
    file_format = _FORMATS.get(target.suffix.lower())
    if file_format is None:
        raise InvalidRequestError(f"{target.name} must end in .wav or .flac, which names the format to write")
    with CdcReader(source) as reader:
        check_token_space(loaded, reader.header)
        n_samples = reader.n_samples
        with AudioWriter(target, loaded.codec.config.sample_rate, 1, file_format) as writer:
            for audio in decode_blocks(loaded.codec, (block.codes for block in reader)):
                rest = audio.shape[1] if n_samples is None else n_samples - writer.n_samples
                writer.write(audio[:, :rest])
                progress(min(rest, audio.shape[1]))
            if n_samples is not None and writer.n_samples < n_samples:
                raise ContainerError(
                    f"the frames give {writer.n_samples} samples, the file promises {n_samples}; "
                    "encode the audio again"
                )
            return writer.n_clipped


def decode_blocks(codec: Codec, blocks: Iterator[Codes]) -> Iterator[Samples]:
    """Audio `[1, sample]` of one recording that comes as codes `[n_q, frame]`, the delay already dropped."""
    state = codec.decoder_state(1)
    late = codec.config.delay_samples
    for block in blocks:
        codes = torch.from_numpy(block.astype(np.int64)).unsqueeze(0)
        codec.check_codes(codes)
        for piece in codes.split(PIECE_FRAMES, dim=-1):
            audio, state = codec.decode_step(piece, state)
            dropped = min(late, audio.shape[-1])
            late -= dropped
            yield audio[0, :, dropped:].numpy()


def check_token_space(loaded: LoadedCodec, header: CdcHeader) -> None:
    """Raise `TokenSpaceMismatchError` unless the file's codes index the codebooks of the model."""
    if header.identity.token_space != loaded.identity.token_space:
        raise TokenSpaceMismatchError(
            f"the file was made by {header.identity.model} {header.identity.version} "
            f"(token space {header.identity.token_space}); {loaded.identity.model} {loaded.identity.version} "
            f"has {loaded.identity.token_space}; decode it with --model {header.identity.model}"
            f"@{header.identity.version}"
        )
