"""The blocks of a `.cdc` file as what a decoder needs, with silence or nothing where some were lost."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codec.container import CdcReader, CodeBlock, SegmentRecord
from codec.errors import ContainerError
from codec.quantizer import ABSENT
from codec.seanet_config import SeanetCodecConfig
from codec.segment_coding import CodedSegment

MAX_GAP_FRAMES = 2**22
"""Lost frames in a row that are filled in, about a day; more is damage to the numbers themselves."""

_PIECE_FRAMES = 4096
_SILENT = 1e-30


def frames_in_order(reader: CdcReader) -> Iterator[NDArray[Any]]:
    """Codes `[codebook, frame]` of all frames of a file, `ABSENT` where a tolerant reader lost them.

    Raises `ContainerError` as the reader does, and for a gap that no damage explains.
    """
    frame = 0
    for block in reader:
        yield from _absent(block.first_frame - frame)
        yield block.codes
        frame = block.first_frame + block.codes.shape[1]
    lost = reader.report.lost
    if lost and lost[-1].stop is not None:
        yield from _absent(lost[-1].stop - frame)


def segments_in_order(
    reader: CdcReader, config: SeanetCodecConfig, n_samples: int | None
) -> Iterator[CodedSegment]:
    """All segments of a file, those without record or codes silent where a tolerant reader lost them.

    `n_samples`: of the whole recording, if known. Raises `ContainerError` as the reader does, and for
    segments that no damage explains.
    """
    number, blocks = 0, list[CodeBlock]()
    for block in reader:
        own = block.segment.number if block.segment else 0
        if own != number:
            yield _segment(blocks, number, config, n_samples)
            _check_gap((own - number) * config.frames_for(1))
            for missing in range(number + 1, own):
                yield _segment([], missing, config, n_samples)
            number, blocks = own, []
        blocks.append(block)
    yield _segment(blocks, number, config, n_samples)
    plan = reader.header.side.segmentation
    if plan and n_samples is not None:
        for missing in range(number + 1, plan.count(n_samples)):
            yield _segment([], missing, config, n_samples)


def _segment(
    blocks: list[CodeBlock], number: int, config: SeanetCodecConfig, n_samples: int | None
) -> CodedSegment:
    record = (blocks[0].segment if blocks else None) or SegmentRecord(number, 0, lost=config.level == "rms")
    first = blocks[0].first_frame if record.lost and blocks else record.first_frame
    ends = [block.first_frame - first + block.codes.shape[1] for block in blocks]
    samples = _samples(number, config, n_samples, max(ends, default=1))
    n_q = max((block.codes.shape[0] for block in blocks), default=1)
    codes = np.full((n_q, config.segment_frames(samples)), ABSENT, np.int64)
    for block in [] if record.lost else blocks:
        start = block.first_frame - first
        place = codes[: block.codes.shape[0], start : start + block.codes.shape[1]]
        if place.shape != block.codes.shape:
            raise ContainerError(
                f"segment {number} has more frames than its {samples} samples need; encode the audio again"
            )
        place[:] = block.codes
    scale, labels = record.scale, record.labels
    if record.lost and config.level == "rms":
        scale = _SILENT
    if labels is None and config.semantic:
        labels = np.zeros(config.labels_for(samples), np.uint16)
    return CodedSegment(codes, samples, scale, labels)


def _samples(number: int, config: SeanetCodecConfig, n_samples: int | None, n_frames: int) -> int:
    """Samples of a segment; where nobody knows the end, as many as its frames can hold."""
    if n_samples is not None:
        lengths = config.segment_lengths(n_samples)
        if number >= len(lengths):
            raise ContainerError(
                f"there is a segment {number}, but {n_samples} samples have {len(lengths)}; "
                "encode the audio again"
            )
        return lengths[number]
    samples = n_frames * config.hop_samples
    while config.segment_frames(samples) > n_frames:
        samples -= 1
    return samples


def _absent(frames: int) -> Iterator[NDArray[Any]]:
    _check_gap(frames)
    for start in range(0, frames, _PIECE_FRAMES):
        yield np.full((1, min(_PIECE_FRAMES, frames - start)), ABSENT, np.int64)


def _check_gap(frames: int) -> None:
    if frames > MAX_GAP_FRAMES:
        raise ContainerError(f"{frames} frames in a row are missing; the file is too damaged to decode")
