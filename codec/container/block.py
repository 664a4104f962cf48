"""A block of a `.cdc` file: the codes of a run of frames, or the record that a segment begins with."""

import binascii
import zlib
from dataclasses import dataclass

from codec.bits import pack_bits, packed_bytes, unpack_bits
from codec.container.coder import RowCoder, join_rows, split_rows
from codec.container.header import CdcHeader
from codec.container.layout import (
    BLOCK_FIELDS,
    BLOCK_HEADER_BYTES,
    BLOCK_MARKER,
    CODED,
    CODING_BITS,
    CRC16,
    CRC32,
    ENTRY_FIELDS,
    MAX_PAYLOAD_BYTES,
    PACKED,
    RECORD,
    SEGMENT_CYCLE,
    UnknownFormatError,
)
from codec.errors import ContainerError, InvalidTokensError
from codec.tokens import Codes, TokenFormat, as_codes


@dataclass(frozen=True)
class PackedBlock:
    """A block as it lies in the file: frame range, codebooks and payload.

    `coding`: what the payload is; `segment`: number of its segment, modulo `SEGMENT_CYCLE`. A segment record
    has no frames and no codebooks.
    """

    first_frame: int
    n_frames: int
    n_q: int
    payload: bytes
    coding: int = PACKED
    segment: int = 0

    @classmethod
    def from_codes(
        cls, first_frame: int, codes: Codes, bits: int, coder: RowCoder | None = None, segment: int = 0
    ) -> "PackedBlock":
        """Codes that fit `bits`, entropy-coded if there is a `coder` and that makes them smaller."""
        n_q, n_frames = codes.shape
        if coder is not None:
            payload = join_rows(coder.encode(codes))
            if payload is not None and len(payload) < n_q * packed_bytes(n_frames, bits):
                return cls(first_frame, n_frames, n_q, payload, CODED, segment)
        return cls(first_frame, n_frames, n_q, pack_bits(codes, bits), PACKED, segment)

    def unpack(self, token_format: TokenFormat, coder: RowCoder | None = None) -> Codes:
        """The codes, `coder` is needed if they are entropy-coded.

        Raises `ContainerError` if one is outside the codebook, or rows are not what the coder writes.
        """
        if self.coding == CODED and coder is not None:
            codes = coder.decode(split_rows(self.payload, self.n_q), self.n_frames)
        else:
            codes = unpack_bits(self.payload, self.n_frames, token_format.bits_per_code, self.n_q)
        try:
            return as_codes(codes, token_format.codebook_size)
        except InvalidTokensError as error:
            raise ContainerError(f"the block at frame {self.first_frame} is invalid: {error}") from error

    def thin(self, n_q: int) -> "PackedBlock":
        """The same block with the first `n_q` codebooks, or all if there are fewer.

        Raises `ContainerError` for entropy-coded rows whose lengths do not add up.
        """
        if n_q >= self.n_q:
            return self
        if self.coding == CODED:
            payload = join_rows(split_rows(self.payload, self.n_q)[:n_q]) or b""
        else:
            payload = self.payload[: n_q * (len(self.payload) // self.n_q)]
        return PackedBlock(self.first_frame, self.n_frames, n_q, payload, self.coding, self.segment)

    def index_entry(self) -> bytes:
        """What the index says about this block."""
        return ENTRY_FIELDS.pack(self.n_frames, len(self.payload))

    def pack(self) -> bytes:
        """The block as bytes."""
        coding = self.coding | self.segment << CODING_BITS
        fields = BLOCK_FIELDS.pack(
            BLOCK_MARKER, coding, self.n_q, self.first_frame, self.n_frames, len(self.payload)
        )
        head = fields + CRC32.pack(zlib.crc32(self.payload, zlib.crc32(fields)))
        return head + CRC16.pack(binascii.crc_hqx(head, 0xFFFF)) + self.payload


@dataclass(frozen=True)
class BlockHead:
    """The checked fixed part of a block."""

    coding: int
    n_q: int
    first_frame: int
    n_frames: int
    payload_bytes: int
    crc32: int


def parse_block_head(head: memoryview) -> BlockHead | None:
    """The fixed part of a block from its `BLOCK_HEADER_BYTES`, or None if its check fails."""
    checked = BLOCK_HEADER_BYTES - CRC16.size
    if CRC16.unpack_from(head, checked)[0] != binascii.crc_hqx(head[:checked], 0xFFFF):
        return None
    _, *fields = BLOCK_FIELDS.unpack_from(head)
    return BlockHead(*fields, *CRC32.unpack_from(head, BLOCK_FIELDS.size))


def parse_block(data: memoryview, head: BlockHead, header: CdcHeader) -> PackedBlock:
    """The block whose bytes are exactly `data`. Raises `ContainerError` if damaged or not understood."""
    payload = data[BLOCK_HEADER_BYTES:]
    if zlib.crc32(payload, zlib.crc32(data[: BLOCK_FIELDS.size])) != head.crc32:
        raise ContainerError(f"the block at frame {head.first_frame} is damaged (checksum)")
    segment, coding = divmod(head.coding, 1 << CODING_BITS)
    if coding not in (PACKED, CODED, RECORD):
        raise UnknownFormatError(f"the .cdc file uses payload coding {coding}; update codecd to read it")
    if not _is_possible(head, coding, header) or (segment and not header.side.segmentation):
        raise ContainerError(f"the block at frame {head.first_frame} has impossible sizes")
    return PackedBlock(head.first_frame, head.n_frames, head.n_q, bytes(payload), coding, segment)


def segment_tag(number: int) -> int:
    """What blocks tell of their segment's number."""
    return number % SEGMENT_CYCLE


def _is_possible(head: BlockHead, coding: int, header: CdcHeader) -> bool:
    if coding == RECORD:
        return header.side.recorded and head.n_q == head.n_frames == 0
    if not 1 <= head.n_q <= header.codebooks or not head.n_frames:
        return False
    packed = head.n_q * packed_bytes(head.n_frames, header.format.bits_per_code)
    if coding == CODED:
        # Without a bound, a few bytes of rows could stand for more codes than memory holds.
        return header.tables_id is not None and packed <= MAX_PAYLOAD_BYTES
    return head.payload_bytes == packed
