"""The fixed values of the `.cdc` format, and the fields that its parts share."""

import struct

from codec.errors import ContainerError

FORMAT_VERSION = 2
MAGIC = b"\xcdCDC"
END_MAGIC = b"CDC\xcd"
BLOCK_MARKER = b"\xcdB"
INDEX_MARKER = b"\xcdI"

PACKED, CODED, RECORD = range(3)
"""Payload codings: bit-packed codes, entropy-coded codes, a segment record; others are reserved."""
CODING_BITS = 3
SEGMENT_CYCLE = 1 << (8 - CODING_BITS)
"""Blocks tell their segment's number modulo this."""

SCALED, LABELLED, SEGMENTED, ENTROPY, MEASURED = 1, 2, 4, 8, 16
"""Flags of the header."""
TABLES_ID_BYTES = 8

MAX_BLOCKS = 2**20
MAX_BLOCK_FRAMES = 2**16 - 1
MAX_PAYLOAD_BYTES = 2**16 - 1
MAX_FRAMES = 2**32 - 1

HEADER_FIELDS = struct.Struct("<4sBBBIHHBBBB")
SAMPLES = struct.Struct("<Q")
LABEL_FIELDS = struct.Struct("<HH")
SEGMENT_FIELDS = struct.Struct("<II")
BLOCK_FIELDS = struct.Struct("<2sBBIHH")
ENTRY_FIELDS = struct.Struct("<HH")
COUNT = struct.Struct("<I")
CRC32 = struct.Struct("<I")
CRC16 = struct.Struct("<H")

HEADER_FIXED_BYTES = HEADER_FIELDS.size
BLOCK_HEADER_BYTES = BLOCK_FIELDS.size + CRC32.size + CRC16.size
INDEX_TAIL_BYTES = COUNT.size + CRC32.size + len(END_MAGIC)
MAX_INDEX_BYTES = len(INDEX_MARKER) + ENTRY_FIELDS.size * MAX_BLOCKS + SAMPLES.size + INDEX_TAIL_BYTES

UNKNOWN_SAMPLES = 2**64 - 1
"""Stands in the index for a sample count that nobody knows."""


class UnknownFormatError(ContainerError):
    """A sound file that a newer program wrote."""
