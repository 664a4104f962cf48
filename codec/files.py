"""Files of any length through a codec: audio to `.cdc`, `.cdc` to audio, constant in memory.

A codec that streams runs through its steps. One that needs whole items codes files up to a length whole and
longer ones in segments (`config.segmentation`); one that hears labels needs the whole file in memory.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from codec.atomic import replacing
from codec.audio import AudioLimits, AudioReader, AudioWriter, FileFormat, Samples
from codec.checkpoint import LoadedCodec
from codec.container import CdcHeader, CdcReader, CdcWriter, DamageReport
from codec.errors import ContainerError, InvalidRequestError, TokenSpaceMismatchError
from codec.reassembly import frames_in_order, segments_in_order
from codec.seanet_config import SeanetCodecConfig, SegmentConfig
from codec.seanet_model import SeanetCodec
from codec.segment_coding import SampleWindow, decode_segments, encode_segments
from codec.semantic_labels import LabelSource
from codec.side import LabelFormat, Labels, Segmentation, SideFormat
from codec.stream_coding import decode_blocks, encode_blocks

Progress = Callable[[int], object]
"""Told how many more samples have been dealt with."""

UNLIMITED = AudioLimits(max_seconds=float(10**9))
"""For a person's own files, which are read block by block: only rates and channels are checked."""

_FORMATS: dict[str, FileFormat] = {".wav": "wav", ".flac": "flac"}


@dataclass(frozen=True, slots=True)
class EncodeOptions:
    """`n_q` codebooks; `labels`: for models with a semantic stream; `compress`: entropy-code the codes."""

    n_q: int
    labels: LabelSource | None = None
    compress: bool = False


@dataclass(frozen=True, slots=True)
class EncodedFile:
    """Samples per channel at the model's rate, their frames, and `AudioReader.notes`."""

    n_samples: int
    n_frames: int
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DecodedFile:
    """Samples that did not fit 16 bits, and what was lost of the file."""

    n_clipped: int
    damage: DamageReport


def encode_file(
    loaded: LoadedCodec, source: Path, target: Path, options: EncodeOptions, progress: Progress
) -> tuple[str, ...]:
    """Encode an audio file to a `.cdc` file, which appears whole or not at all.

    Returns what was odd about the audio, as `AudioReader.notes`. Raises what `AudioReader` raises,
    `InvalidRequestError` for n_q, missing or unwanted labels, and a model without tables to compress with.
    """
    with replacing(target) as draft, draft.open("wb") as sink:
        return encode_into(sink, loaded, source, options, progress).notes


def encode_into(
    sink: BinaryIO, loaded: LoadedCodec, source: Path, options: EncodeOptions, progress: Progress
) -> EncodedFile:
    """Write the `.cdc` file of an audio file to a stream. Raises what `encode_file` raises."""
    config = loaded.codec.config
    if options.compress and loaded.tables is None:
        raise InvalidRequestError(
            f"{loaded.identity.model} has no entropy tables; make them with codecd tables"
        )
    with AudioReader(source, config.sample_rate, UNLIMITED, config.channels) as reader:
        recording = _Recording(reader, source, progress)
        if loaded.stream is None:
            writer = _encode_segments(loaded, recording, options, sink)
        else:
            writer = _encode_stream(loaded, recording, options, sink)
        writer.finish(recording.n_samples)
    return EncodedFile(recording.n_samples, writer.n_frames, reader.notes)


class _Recording:
    """The blocks of a file, counted as they are read."""

    def __init__(self, reader: AudioReader, path: Path, progress: Progress) -> None:
        self.path = path
        self.n_samples = 0
        self._reader = reader
        self._progress = progress

    def blocks(self) -> Iterator[Samples]:
        for block in self._reader:
            self.n_samples += block.shape[1]
            self._progress(block.shape[1])
            yield block


def _encode_stream(
    loaded: LoadedCodec, recording: _Recording, options: EncodeOptions, sink: BinaryIO
) -> CdcWriter:
    assert loaded.stream is not None
    if options.labels:
        raise InvalidRequestError("this model has no semantic stream; leave the labels out")
    writer = _writer(loaded, options, sink, SideFormat())
    for codes in encode_blocks(loaded.stream, recording.blocks(), options.n_q):
        writer.append(codes)
    return writer


def _encode_segments(
    loaded: LoadedCodec, recording: _Recording, options: EncodeOptions, sink: BinaryIO
) -> CdcWriter:
    assert isinstance(loaded.codec, SeanetCodec)
    config = loaded.codec.config
    window = SampleWindow(recording.blocks(), config.channels)
    labels = _labels(config, window, recording.path, options)
    plan = config.segmentation
    assert plan is not None
    cut = plan if window.fill(plan.whole_samples + 1) else None
    side = side_format(config, cut)
    writer = _writer(loaded, options, sink, side)
    for segment in encode_segments(loaded.codec, window, cut, options.n_q, labels):
        if side.recorded:
            writer.begin_segment(segment.scale, segment.labels)
        writer.append(segment.codes)
    return writer


def _writer(loaded: LoadedCodec, options: EncodeOptions, sink: BinaryIO, side: SideFormat) -> CdcWriter:
    coder = loaded.tables.coder() if loaded.tables and options.compress else None
    header = CdcHeader(loaded.identity, loaded.token_format, options.n_q, side=side)
    return CdcWriter(sink, header, coder=coder)


def _labels(
    config: SeanetCodecConfig, window: SampleWindow, source: Path, options: EncodeOptions
) -> Labels | None:
    if (config.semantic is None) != (options.labels is None):
        wanted = "needs labels; name their file or their source" if config.semantic else "hears no labels"
        raise InvalidRequestError(f"this model {wanted}")
    if options.labels is None:
        return None
    window.fill(sys.maxsize)
    return options.labels.labels(source, window.samples)


def side_format(config: SeanetCodecConfig, plan: SegmentConfig | None) -> SideFormat:
    """What stands beside the codes of such a model's items, coded by `plan`."""
    semantic = config.semantic
    return SideFormat(
        config.level == "rms",
        LabelFormat(semantic.labels, semantic.hop_samples) if semantic else None,
        Segmentation(plan.length_samples, plan.stride_samples) if plan else None,
    )


def decode_file(
    loaded: LoadedCodec, source: Path, target: Path, progress: Progress, recover: bool = False
) -> DecodedFile:
    """Decode a `.cdc` file to WAV or FLAC, by the name of `target`.

    With `recover`, what is left of a damaged file is decoded, each part at its place. Raises `ContainerError`
    for a damaged file, `TokenSpaceMismatchError` for other codebooks, and `InvalidRequestError` for a target
    of another format.
    """
    file_format = _FORMATS.get(target.suffix.lower())
    if file_format is None:
        raise InvalidRequestError(f"{target.name} must end in .wav or .flac, which names the format to write")
    config = loaded.codec.config
    coder = loaded.tables.coder() if loaded.tables else None
    with CdcReader(source, tolerant=recover, coder=coder) as reader:
        check_token_space(loaded, reader.header)
        n_samples = reader.n_samples
        with AudioWriter(target, config.sample_rate, config.channels, file_format) as writer:
            for audio in _decode(loaded, reader, n_samples):
                rest = audio.shape[1] if n_samples is None else n_samples - writer.n_samples
                writer.write(audio[:, :rest])
                progress(min(rest, audio.shape[1]))
            if n_samples is not None and writer.n_samples < n_samples and not recover:
                raise ContainerError(
                    f"the frames give {writer.n_samples} samples, the file promises {n_samples}; "
                    "encode the audio again"
                )
            return DecodedFile(writer.n_clipped, reader.report)


def _decode(loaded: LoadedCodec, reader: CdcReader, n_samples: int | None) -> Iterator[Samples]:
    side = reader.header.side
    if loaded.stream is not None:
        if side.recorded:
            raise ContainerError("the file has segments, this model has none; encode the audio again")
        return decode_blocks(loaded.stream, frames_in_order(reader))
    assert isinstance(loaded.codec, SeanetCodec)
    config = loaded.codec.config
    plan = config.segmentation if side.segmentation else None
    known = plan if n_samples is None else config.segments_for(n_samples)
    if side != side_format(config, plan) or known != plan:
        raise ContainerError(
            "the file has other levels, labels or segments than this model; encode the audio again"
        )
    return decode_segments(loaded.codec, segments_in_order(reader, config, n_samples), plan)


def check_token_space(loaded: LoadedCodec, header: CdcHeader) -> None:
    """Raise `TokenSpaceMismatchError` unless the file's codes index the codebooks of the model."""
    if header.identity.token_space != loaded.identity.token_space:
        raise TokenSpaceMismatchError(
            f"the file was made by {header.identity.model} {header.identity.version} "
            f"(token space {header.identity.token_space}); {loaded.identity.model} {loaded.identity.version} "
            f"has {loaded.identity.token_space}; decode it with --model {header.identity.model}"
            f"@{header.identity.version}"
        )
