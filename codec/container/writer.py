"""Writing `.cdc` files, all at once or frame by frame as they come."""

import io
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from codec.bits import packed_bytes
from codec.container.block import CodeBlock, PackedBlock
from codec.container.header import CdcHeader
from codec.container.index import Index
from codec.container.layout import MAX_BLOCK_FRAMES, MAX_BLOCKS, MAX_FRAMES, MAX_PAYLOAD_BYTES
from codec.errors import InvalidRequestError, InvalidTokensError, LimitExceededError
from codec.tokens import Codes, Tokens, as_codes

_BLOCK_SECONDS = 6
"""Length of a block: its 22 bytes are below 1 % of the codes from 8 codebooks of 10 bits at 50 Hz on."""


class CdcWriter:
    """Writes frames to a stream as they come; what was flushed can be read at any time.

    The header is written at once. `n_samples` of the header may be None and given to `finish`. Blocks hold
    `block_frames` frames, 6 s if None, fewer where n_q changes, at `flush` and at the end. The stream is
    not closed, and needs no seeking. A file without `finish` reads as unfinished. Raises
    `InvalidRequestError` for a block length that the format cannot hold.
    """

    def __init__(self, sink: BinaryIO, header: CdcHeader, block_frames: int | None = None) -> None:
        longest = longest_block(header)
        if block_frames is None:
            block_frames = min(longest, max(1, round(_BLOCK_SECONDS * header.format.frame_rate)))
        if not 1 <= block_frames <= longest:
            raise InvalidRequestError(f"blocks of {block_frames} frames do not fit; choose 1..{longest}")
        self._sink = sink
        self._header = header
        self._block_frames = block_frames
        self._pending: list[Codes] = []
        self._n_pending = 0
        self._tally = _Tally()
        sink.write(header.pack())

    @property
    def n_frames(self) -> int:
        """Frames appended by now."""
        return self._tally.n_frames + self._n_pending

    def append(self, codes: Codes) -> None:
        """Add frames, `[codebook, frame]`; the number of codebooks may change from call to call.

        Raises `InvalidTokensError` for codes outside the codebook or more codebooks than the header says,
        and `LimitExceededError` for a file beyond 2^32 frames or 2^20 blocks.
        """
        codes = as_codes(codes, self._header.format.codebook_size)
        n_q = codes.shape[0]
        if n_q > self._header.codebooks:
            raise InvalidTokensError(
                f"{n_q} codebooks given; the file was opened for {self._header.codebooks}"
            )
        if self._pending and self._pending[0].shape[0] != n_q:
            self._write_pending()
        while codes.shape[1]:
            room = self._block_frames - self._n_pending
            # A copy, because the caller may use the array again before the block is full.
            self._pending.append(codes[:, :room].copy())
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
        if it differs from the header's or does not fit the frames; the file is then left unfinished.
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
        self._sink.write(Index(bytes(self._tally.entries), n_samples).pack())
        self._sink.flush()

    def _write_pending(self) -> None:
        if not self._n_pending:
            return
        codes = np.concatenate(self._pending, axis=1)
        block = CodeBlock(self._tally.n_frames, codes)
        packed = PackedBlock.from_codes(block, self._header.format.bits_per_code)
        self._tally.add(packed)
        self._sink.write(packed.pack())
        self._pending.clear()
        self._n_pending = 0


@dataclass
class _Tally:
    """What the index will say about the blocks written by now."""

    entries: bytearray
    n_blocks: int
    n_frames: int

    def __init__(self) -> None:
        self.entries = bytearray()
        self.n_blocks = 0
        self.n_frames = 0

    def add(self, block: PackedBlock) -> None:
        if self.n_blocks == MAX_BLOCKS or self.n_frames + block.n_frames > MAX_FRAMES:
            raise LimitExceededError("the .cdc file is full; start another one")
        self.entries += block.index_entry()
        self.n_blocks += 1
        self.n_frames += block.n_frames


def longest_block(header: CdcHeader) -> int:
    """Frames of the longest block that the format can hold with all codebooks."""
    bits = header.format.bits_per_code
    frames = min(MAX_BLOCK_FRAMES, MAX_PAYLOAD_BYTES // header.codebooks * 8 // bits)
    assert header.codebooks * packed_bytes(frames, bits) <= MAX_PAYLOAD_BYTES
    return frames


def write_cdc(tokens: Tokens) -> bytes:
    """A whole `.cdc` file in memory. Raises `LimitExceededError` for more than the format can hold."""
    sink = io.BytesIO()
    header = CdcHeader(tokens.identity, tokens.format, tokens.n_q, tokens.n_samples, tokens.scale)
    writer = CdcWriter(sink, header)
    writer.append(tokens.codes)
    writer.finish()
    return sink.getvalue()
