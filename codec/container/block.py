"""A block of a `.cdc` file: the codes of a run of frames."""

import binascii
import zlib
from dataclasses import dataclass

from codec.bits import pack_bits, packed_bytes, unpack_bits
from codec.container.header import CdcHeader
from codec.container.layout import (
    BLOCK_FIELDS,
    BLOCK_HEADER_BYTES,
    BLOCK_MARKER,
    CRC16,
    CRC32,
    ENTRY_FIELDS,
    PACKED,
    UnknownFormatError,
)
from codec.errors import ContainerError, InvalidTokensError
from codec.tokens import Codes, TokenFormat, as_codes


@dataclass(frozen=True, eq=False)
class CodeBlock:
    """Codes uint16 `[codebook, frame]` of the frames from `first_frame` on."""

    first_frame: int
    codes: Codes


@dataclass(frozen=True)
class PackedBlock:
    """A block as it lies in the file: frame range, codebooks and bit-packed payload."""

    first_frame: int
    n_frames: int
    n_q: int
    payload: bytes

    @classmethod
    def from_codes(cls, block: CodeBlock, bits: int) -> "PackedBlock":
        """Pack codes that fit `bits`."""
        n_q, n_frames = block.codes.shape
        return cls(block.first_frame, n_frames, n_q, pack_bits(block.codes, bits))

    def unpack(self, token_format: TokenFormat) -> CodeBlock:
        """The codes. Raises `ContainerError` if one is outside the codebook."""
        codes = unpack_bits(self.payload, self.n_frames, token_format.bits_per_code, self.n_q)
        try:
            return CodeBlock(self.first_frame, as_codes(codes, token_format.codebook_size))
        except InvalidTokensError as error:
            raise ContainerError(f"the block at frame {self.first_frame} is invalid: {error}") from error

    def thin(self, n_q: int) -> "PackedBlock":
        """The same frames with the first `n_q` codebooks, or all if there are fewer."""
        kept = min(n_q, self.n_q)
        row_bytes = len(self.payload) // self.n_q
        return PackedBlock(self.first_frame, self.n_frames, kept, self.payload[: kept * row_bytes])

    def index_entry(self) -> bytes:
        """What the index says about this block."""
        return ENTRY_FIELDS.pack(self.n_frames, len(self.payload))

    def pack(self) -> bytes:
        """The block as bytes."""
        fields = BLOCK_FIELDS.pack(
            BLOCK_MARKER, PACKED, self.n_q, self.first_frame, self.n_frames, len(self.payload)
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
    if head.coding != PACKED:
        raise UnknownFormatError(f"the .cdc file uses payload coding {head.coding}; update codecd to read it")
    expected = head.n_q * packed_bytes(head.n_frames, header.format.bits_per_code)
    if not 1 <= head.n_q <= header.codebooks or not head.n_frames or len(payload) != expected:
        raise ContainerError(f"the block at frame {head.first_frame} has impossible sizes")
    return PackedBlock(head.first_frame, head.n_frames, head.n_q, bytes(payload))
