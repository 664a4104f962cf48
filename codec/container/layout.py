"""The fixed values of the `.cdc` format, and the fields that its parts share."""

import struct

from codec.errors import ContainerError

FORMAT_VERSION = 1
MAGIC = b"\xcdCDC"
END_MAGIC = b"CDC\xcd"
BLOCK_MARKER = b"\xcdB"
INDEX_MARKER = b"\xcdI"
PACKED = 0
"""Payload coding of bit-packed codes; every other number is reserved."""

MAX_BLOCKS = 2**20
MAX_BLOCK_FRAMES = 2**16 - 1
MAX_PAYLOAD_BYTES = 2**16 - 1
MAX_FRAMES = 2**32 - 1

HEADER_FIELDS = struct.Struct("<4sBBBIHHQHBBB")
BLOCK_FIELDS = struct.Struct("<2sBBIHH")
ENTRY_FIELDS = struct.Struct("<HH")
FOOTER_FIELDS = struct.Struct("<QI")
CRC32 = struct.Struct("<I")
CRC16 = struct.Struct("<H")

HEADER_FIXED_BYTES = HEADER_FIELDS.size
BLOCK_HEADER_BYTES = BLOCK_FIELDS.size + CRC32.size + CRC16.size
INDEX_TAIL_BYTES = FOOTER_FIELDS.size + CRC32.size + len(END_MAGIC)
MAX_INDEX_BYTES = len(INDEX_MARKER) + ENTRY_FIELDS.size * MAX_BLOCKS + INDEX_TAIL_BYTES

UNKNOWN_SAMPLES = 2**64 - 1


class UnknownFormatError(ContainerError):
    """A sound file that a newer program wrote."""


def stored_samples(n_samples: int | None) -> int:
    """A sample count as it is written."""
    return UNKNOWN_SAMPLES if n_samples is None else n_samples


def loaded_samples(stored: int) -> int | None:
    """A sample count as it is meant, None for unknown."""
    return None if stored == UNKNOWN_SAMPLES else stored
