"""`Tokens` to and from whole `.cdc` files."""

import io
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from codec.container.coder import RowCoder
from codec.container.header import CdcHeader
from codec.container.layout import RECORD
from codec.container.reader import CdcReader, CdcSource
from codec.container.segment import SegmentRecord, check_segments
from codec.container.writer import CdcWriter
from codec.errors import ContainerError, InvalidTokensError, LimitExceededError
from codec.tokens import NO_SIDE, Codes, SideInformation, Tokens


def write_cdc(tokens: Tokens, coder: RowCoder | None = None) -> bytes:
    """A whole `.cdc` file in memory. Raises `LimitExceededError` for more than the format can hold."""
    sink = io.BytesIO()
    side = tokens.side
    header = CdcHeader(tokens.identity, tokens.format, tokens.n_q, tokens.n_samples, side.format)
    writer = CdcWriter(sink, header, coder=coder)
    if not header.side.recorded:
        writer.append_checked(tokens.codes)
    else:
        first = 0
        for number, n_frames in enumerate(_frames_of_segments(tokens)):
            labels = None
            if side.labels is not None:
                labels = side.labels[header.side.labels_in(number, tokens.n_samples or 0)]
            writer.begin_segment(side.scale[number] if side.scale else None, labels)
            writer.append_checked(tokens.codes[:, first : first + n_frames])
            first += n_frames
    writer.finish()
    return sink.getvalue()


def read_cdc(source: CdcSource, max_frames: int | None = None, coder: RowCoder | None = None) -> Tokens:
    """Read a whole `.cdc` file strictly.

    Where blocks differ in n_q the tokens have the smallest: the first codebooks mean the same at any n_q;
    iterate over a `CdcReader` to use each block's own. Raises `ContainerError` for a file that is damaged or
    unfinished, or entropy-coded by another coder, and `LimitExceededError` as soon as there are more than
    `max_frames`.
    """
    with CdcReader(source, coder=coder) as reader:
        return read_tokens(reader, max_frames)


def read_tokens(reader: CdcReader, max_frames: int | None = None) -> Tokens:
    """What `read_cdc` gives, of a strict reader that stands at the start."""
    codes: list[Codes] = []
    records: list[SegmentRecord] = []
    n_frames = 0
    for block in reader.packed_blocks():
        n_frames += block.n_frames
        if max_frames is not None and n_frames > max_frames:
            raise LimitExceededError(f"the file has more than {max_frames} frames; decode it in parts")
        if block.coding == RECORD and reader.segment is not None:
            records.append(reader.segment)
        else:
            codes.append(reader.unpack(block).codes)
    header, n_samples = reader.header, reader.n_samples
    n_q = min((block.shape[0] for block in codes), default=header.codebooks)
    whole = np.concatenate([np.empty((n_q, 0), np.uint16), *(block[:n_q] for block in codes)], axis=1)
    form = header.format
    try:
        side = _gather(records, header, n_samples, n_frames)
        return Tokens(
            *(whole, header.identity, form.sample_rate, form.hop_samples, n_samples),
            *(form.codebook_size, side),
        )
    except InvalidTokensError as error:
        raise ContainerError(f"the .cdc file makes no sense: {error}") from error


def _frames_of_segments(tokens: Tokens) -> tuple[int, ...]:
    segmentation = tokens.side.segmentation
    if segmentation is None or tokens.n_samples is None:
        return (tokens.n_frames,)
    return segmentation.frames(tokens.n_samples, tokens.n_frames, tokens.hop_samples)


def _gather(
    records: Sequence[SegmentRecord], header: CdcHeader, n_samples: int | None, n_frames: int
) -> SideInformation:
    """The side information of the item that the records are of.

    Raises `InvalidTokensError` unless there is a record for every segment, and overlapping labels agree.
    """
    form = header.side
    if not form.recorded:
        return NO_SIDE
    starts = [*(record.first_frame for record in records), n_frames]
    own = [record.labels for record in records if record.labels is not None]
    sizes = [stop - start for start, stop in pairwise(starts)]
    check_segments(sizes, [len(labels) for labels in own], header, n_samples)
    scale = tuple(record.scale for record in records if record.scale is not None)
    if form.labels is None or n_samples is None:
        return SideInformation(scale, segmentation=form.segmentation)
    labels = np.empty(form.labels.count(n_samples), np.uint16)
    places = [labels[form.labels_in(number, n_samples)] for number in range(len(own))]
    for place, piece in zip(places, own, strict=True):
        place[:] = piece
    if not all(np.array_equal(place, piece) for place, piece in zip(places, own, strict=True)):
        raise InvalidTokensError("segments that overlap differ in their labels")
    return SideInformation(scale, labels, form.labels, form.segmentation)
