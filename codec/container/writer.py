"""Writing `.cdc` files frame by frame as they come."""

from dataclasses import dataclass, replace
from typing import BinaryIO

import numpy as np

from codec.bits import packed_bytes
from codec.container.block import PackedBlock, segment_tag
from codec.container.coder import RowCoder
from codec.container.header import CdcHeader
from codec.container.index import Index
from codec.container.layout import ENTRY_FIELDS, MAX_BLOCK_FRAMES, MAX_BLOCKS, MAX_FRAMES, MAX_PAYLOAD_BYTES
from codec.container.segment import SegmentRecord, check_segments
from codec.errors import InvalidRequestError, InvalidTokensError, LimitExceededError
from codec.side import Labels, as_labels, check_scale
from codec.tokens import Codes, as_codes

_BLOCK_SECONDS = 6
"""Length of a block: its 22 bytes are below 1 % of the codes from 8 codebooks of 10 bits at 50 Hz on."""
_SEGMENT_BLOCK_SECONDS = 12
"""Length of a block where a lost one spoils its segment anyway, so that shorter ones would save nothing."""


class CdcWriter:
    """Writes frames to a stream as they come; what was flushed can be read at any time.

    The header is written at once. `n_samples` of the header may be None and given to `finish`. Blocks hold
    `block_frames` frames, 6 s if None (12 s in files of segments), fewer where n_q or the segment changes,
    at `flush` and at the end. `coder`: entropy-codes the blocks that get smaller by it. The stream is not
    closed, and needs no seeking. A file without `finish` reads as unfinished. Raises `InvalidRequestError`
    for a block length that the format cannot hold.
    """

    def __init__(
        self,
        sink: BinaryIO,
        header: CdcHeader,
        block_frames: int | None = None,
        coder: RowCoder | None = None,
    ) -> None:
        longest = longest_block(header)
        if block_frames is None:
            block_frames = usual_block(header)
        if not 1 <= block_frames <= longest:
            raise InvalidRequestError(f"blocks of {block_frames} frames do not fit; choose 1..{longest}")
        if coder is not None:
            header = replace(header, tables_id=coder.tables_id)
        self._sink = sink
        self._header = header
        self._coder = coder
        self._block_frames = block_frames
        self._pending: list[Codes] = []
        self._n_pending = 0
        self._tally = _Tally()
        sink.write(header.pack())

    @property
    def n_frames(self) -> int:
        """Frames appended by now."""
        return self._tally.n_frames + self._n_pending

    def begin_segment(self, scale: float | None = None, labels: Labels | None = None) -> None:
        """Begin the next segment, or the only one of an item coded whole, with what belongs to it.

        Every file whose header has side information needs this before its first frames. Raises
        `InvalidTokensError` for another kind of side information than the header says, or for values out of
        range, and `LimitExceededError` for more labels than a block can hold.
        """
        side = self._header.side
        if not side.recorded or (self._tally.segments and side.segmentation is None):
            raise InvalidTokensError(
                "the header says that there is no such segment; give it the right side format"
            )
        if (scale is not None) != side.scaled or (labels is not None) != (side.labels is not None):
            raise InvalidTokensError("scale and labels must be given if the header says so, and only then")
        if scale is not None:
            check_scale((scale,))
        if labels is not None and side.labels is not None:
            labels = as_labels(labels, side.labels)
        self._write_pending()
        record = SegmentRecord(len(self._tally.segments), self._tally.n_frames, scale, labels)
        self._write(record.pack(side))
        self._tally.segments.append(_SegmentStart(record.first_frame, 0 if labels is None else len(labels)))

    def append(self, codes: Codes) -> None:
        """Add frames, `[codebook, frame]`; the number of codebooks may change from call to call.

        Raises `InvalidTokensError` for codes outside the codebook, more codebooks than the header says, or
        frames before their segment, and `LimitExceededError` for a file beyond 2^32 frames or 2^20 blocks.
        """
        codes = as_codes(codes, self._header.format.codebook_size)
        if codes.shape[0] > self._header.codebooks:
            raise InvalidTokensError(
                f"{codes.shape[0]} codebooks given; the file was opened for {self._header.codebooks}"
            )
        if self._header.side.recorded and not self._tally.segments:
            raise InvalidTokensError("the frames belong to no segment; call begin_segment first")
        # A copy, because the caller may use the array again before the block is full.
        self.append_checked(codes.copy())

    def append_checked(self, codes: Codes) -> None:
        """Add frames as `append` does, which the caller has checked and will not change."""
        if self._pending and self._pending[0].shape[0] != codes.shape[0]:
            self._write_pending()
        while codes.shape[1]:
            room = self._block_frames - self._n_pending
            self._pending.append(codes[:, :room])
            self._n_pending += self._pending[-1].shape[1]
            codes = codes[:, room:]
            if self._n_pending == self._block_frames:
                self._write_pending()

    def flush(self) -> None:
        """Write what is there as a block of its own, so that readers see every frame appended by now."""
        self._write_pending()
        self._sink.flush()

    def finish(self, n_samples: int | None = None) -> None:
        """Write the last block and the index; nothing may be appended afterwards.

        `n_samples` may be left out if the header has it, or if nobody knows. Raises `InvalidTokensError`
        if it differs from the header's or does not fit the frames or segments; the file is then left
        unfinished.
        """
        self._write_pending()
        announced = self._header.n_samples
        if n_samples is None:
            n_samples = announced
        room = self.n_frames * self._header.format.hop_samples
        if n_samples is not None and (announced not in (None, n_samples) or not 0 <= n_samples <= room):
            raise InvalidTokensError(
                f"{n_samples} samples do not agree with the header ({announced}) or the frames (0..{room})"
            )
        if self._header.side.recorded:
            check_segments(*self._tally.segment_sizes(), self._header, n_samples)
        self._sink.write(Index(bytes(self._tally.entries), n_samples, announced is not None).pack())
        self._sink.flush()

    def _write_pending(self) -> None:
        if not self._n_pending:
            return
        codes = self._pending[0] if len(self._pending) == 1 else np.concatenate(self._pending, axis=1)
        number = max(0, len(self._tally.segments) - 1)
        bits = self._header.format.bits_per_code
        self._write(
            PackedBlock.from_codes(self._tally.n_frames, codes, bits, self._coder, segment_tag(number))
        )
        self._pending.clear()
        self._n_pending = 0

    def _write(self, block: PackedBlock) -> None:
        self._tally.add(block)
        self._sink.write(block.pack())


@dataclass(frozen=True)
class _SegmentStart:
    first_frame: int
    n_labels: int


class _Tally:
    """What the index will say about the blocks written by now, and where segments began."""

    def __init__(self) -> None:
        self.entries = bytearray()
        self.n_frames = 0
        self.segments: list[_SegmentStart] = []

    def add(self, block: PackedBlock) -> None:
        n_blocks = len(self.entries) // ENTRY_FIELDS.size
        if n_blocks == MAX_BLOCKS or self.n_frames + block.n_frames > MAX_FRAMES:
            raise LimitExceededError("the .cdc file is full; start another one")
        self.entries += block.index_entry()
        self.n_frames += block.n_frames

    def segment_sizes(self) -> tuple[list[int], list[int]]:
        """Frames and labels of each segment."""
        stops = [*(segment.first_frame for segment in self.segments[1:]), self.n_frames]
        frames = [stop - segment.first_frame for segment, stop in zip(self.segments, stops, strict=False)]
        return frames, [segment.n_labels for segment in self.segments]


def longest_block(header: CdcHeader) -> int:
    """Frames of the longest block that the format can hold with all codebooks."""
    bits = header.format.bits_per_code
    frames = min(MAX_BLOCK_FRAMES, MAX_PAYLOAD_BYTES // header.codebooks * 8 // bits)
    assert header.codebooks * packed_bytes(frames, bits) <= MAX_PAYLOAD_BYTES
    return frames


def usual_block(header: CdcHeader) -> int:
    """Frames of a block where nobody asks for another length."""
    seconds = _SEGMENT_BLOCK_SECONDS if header.side.recorded else _BLOCK_SECONDS
    form = header.format
    return min(longest_block(header), max(1, seconds * form.sample_rate // form.hop_samples))
