"""Segments of a `.cdc` file: the record that each begins with."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from codec.bits import pack_bits, unpack_bits
from codec.container.block import PackedBlock, segment_tag
from codec.container.header import CdcHeader
from codec.container.layout import MAX_PAYLOAD_BYTES, RECORD
from codec.errors import ContainerError, InvalidTokensError, LimitExceededError
from codec.side import Labels, SideFormat, as_labels, check_scale
from codec.tokens import Codes

_NUMBER = struct.Struct("<I")
_SCALE = struct.Struct("<f")
_COUNT = struct.Struct("<I")


@dataclass(frozen=True, eq=False)
class SegmentRecord:
    """What belongs to the codes of segment `number`, whose frames begin at `first_frame`.

    `scale`: its level factor; `labels`: uint16 `[label]`, those of its samples. `lost`: the record is
    missing; `first_frame` is then the first that is left and nothing else is known. Decode it as silence.
    """

    number: int
    first_frame: int
    scale: float | None = None
    labels: Labels | None = None
    lost: bool = False

    def pack(self, side: SideFormat) -> PackedBlock:
        """The record as a block. Raises `LimitExceededError` for more labels than a block can hold."""
        payload = b""
        if side.segmentation:
            payload += _NUMBER.pack(self.number)
        if self.scale is not None:
            payload += _SCALE.pack(self.scale)
        if side.labels and self.labels is not None:
            payload += _COUNT.pack(len(self.labels)) + pack_bits(self.labels, side.labels.bits_per_label)
        if len(payload) > MAX_PAYLOAD_BYTES:
            raise LimitExceededError(f"a segment's labels take {len(payload)} bytes; use shorter segments")
        return PackedBlock(self.first_frame, 0, 0, payload, RECORD, segment_tag(self.number))

    @classmethod
    def parse(cls, block: PackedBlock, side: SideFormat) -> "SegmentRecord":
        """The record in a block. Raises `ContainerError` if its payload makes no sense."""
        try:
            record = cls._parse(block, side)
        except (struct.error, ValueError, InvalidTokensError) as error:
            raise ContainerError(
                f"the segment record at frame {block.first_frame} is invalid: {error}"
            ) from error
        if segment_tag(record.number) != block.segment:
            raise ContainerError(f"the segment record at frame {block.first_frame} contradicts its block")
        return record

    @classmethod
    def _parse(cls, block: PackedBlock, side: SideFormat) -> "SegmentRecord":
        payload = memoryview(block.payload)
        number, scale, labels = 0, None, None
        if side.segmentation:
            (number,) = _NUMBER.unpack_from(payload)
            payload = payload[_NUMBER.size :]
        if side.scaled:
            (scale,) = _SCALE.unpack_from(payload)
            payload = payload[_SCALE.size :]
            check_scale((scale,))
        if side.labels:
            (count,) = _COUNT.unpack_from(payload)
            payload = payload[_COUNT.size :]
            labels = as_labels(unpack_bits(payload, count, side.labels.bits_per_label)[0], side.labels)
        elif payload:
            raise ValueError(f"{len(payload)} bytes too many")
        return cls(number, block.first_frame, scale, labels)


@dataclass(frozen=True, eq=False)
class CodeBlock:
    """Codes uint16 `[codebook, frame]` of the frames from `first_frame` on.

    `segment`: the record of the segment that they belong to, which may be `lost`; None in files without
    segment records.
    """

    first_frame: int
    codes: Codes
    segment: SegmentRecord | None


def check_segments(
    n_frames: Sequence[int], n_labels: Sequence[int], header: CdcHeader, n_samples: int | None
) -> None:
    """Raise `InvalidTokensError` unless frames and labels of every segment are those of `n_samples`.

    `header` is that of a file with segment records.
    """
    side = header.side
    if n_samples is None and (side.labels or side.segmentation):
        raise InvalidTokensError("labels and segments need the number of samples; give n_samples")
    known = n_samples or 0
    if len(n_frames) != side.count(known):
        raise InvalidTokensError(f"{len(n_frames)} segments where {side.count(known)} belong")
    if side.segmentation:
        expected = side.segmentation.frames(known, sum(n_frames), header.format.hop_samples)
        if tuple(n_frames) != expected:
            raise InvalidTokensError("the frames of the segments are not those of their samples")
    for number, found in enumerate(n_labels):
        there = side.labels_in(number, known)
        if found != there.stop - (there.start or 0):
            raise InvalidTokensError(f"segment {number} has {found} labels; give one for each label hop")
