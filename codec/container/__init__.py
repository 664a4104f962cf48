"""The `.cdc` file: codes on disk, packed, checked, seekable, and readable while they are being written.

A file is a header, blocks of frames, and an index that marks the end. All integers are little-endian and
unsigned, `f32` is IEEE 754, strings are printable ASCII without a terminator. CRC-32 is the one of zlib;
CRC-16 is CRC-16/IBM-3740 (polynomial 0x1021, start 0xFFFF, not reflected). bits = bits per code, the least
that holds codebook size - 1.

Header, 28 bytes + names + scales + 4 bytes, at byte 0:

    offset  size  field
    0       4     magic: CD 43 44 43
    4       1     format version: 1
    5       1     bits per code: 1..16
    6       1     codebooks: 1..255, the most that any block holds
    7       4     sample rate in Hz
    11      2     hop: samples per frame
    13      2     codebook size - 1
    15      8     audio samples per channel; all ones: unknown until the end, see the index
    23      2     number of scales: 0..16384
    25      1     length of the model name, 1..64
    26      1     length of the version, 1..64
    27      1     length of the token space, 1..64
    28      ...   model name, version, token space, one after the other
    ...     ...   scales, f32 each: level factors, one per segment of the audio
    ...     4     CRC-32 of every byte before

Block, 18 bytes + payload. The first block starts after the header, every other after the one before, and its
first frame is the one after the last frame of the block before (0 for the first block):

    0       2     marker: CD 42
    2       1     payload coding: 0 = packed; others are reserved for entropy coding
    3       1     n_q: codebooks in this block, 1..codebooks
    4       4     first frame
    8       2     number of frames: 1..65535
    10      2     payload bytes
    12      4     CRC-32 of bytes 0..11 and the payload
    16      2     CRC-16 of bytes 0..15
    18      ...   payload

Packed payload: n_q rows, the first codebook's first, each of ceil(frames * bits / 8) bytes. A row holds one
code per frame, packed as `codec.bits` says, so that codebooks are dropped by cutting the payload short.

Index, 22 bytes + 4 per block, right after the last block and last in the file:

    0       2     marker: CD 49
    2       4 k   for each of the k blocks: number of frames (2), payload bytes (2)
    2+4k    8     audio samples per channel, as in the header; all ones: unknown
    10+4k   4     k, at most 1048576
    14+4k   4     CRC-32 of every byte of the index before
    18+4k   4     end marker: 43 44 43 CD

A reader finds the index from the end of the file. A file without one is still being written, or was cut.
The two checks of a block tell a damaged length (search for the next marker) from damaged codes (skip the
block).
"""

from codec.container.block import CodeBlock
from codec.container.damage import DamageReport, FrameRange
from codec.container.describe import describe
from codec.container.header import CdcHeader
from codec.container.layout import UnknownFormatError
from codec.container.reader import CdcReader, CdcSource, read_cdc
from codec.container.thin import thin_cdc
from codec.container.writer import CdcWriter, write_cdc

__all__ = [
    "CdcHeader",
    "CdcReader",
    "CdcSource",
    "CdcWriter",
    "CodeBlock",
    "DamageReport",
    "FrameRange",
    "UnknownFormatError",
    "describe",
    "read_cdc",
    "thin_cdc",
    "write_cdc",
]
