"""The `.cdc` file: codes on disk, packed, checked, seekable, and readable while they are being written.

A file is a header, blocks, and an index that marks the end. All integers are little-endian and unsigned,
`f32` is IEEE 754, strings are printable ASCII without a terminator. CRC-32 is the one of zlib; CRC-16 is
CRC-16/IBM-3740 (polynomial 0x1021, start 0xFFFF, not reflected). "Packed" is as `codec.bits` says. bits =
bits per code, the least that holds codebook size - 1; label bits the same of the number of labels.

Header, 19 bytes + names + optional fields + 4 bytes, at byte 0:

    offset  size  field
    0       4     magic: CD 43 44 43
    4       1     format version: 2
    5       1     bits per code: 1..16
    6       1     codebooks: 1..255, the most that any block holds
    7       4     sample rate in Hz
    11      2     hop: samples per frame
    13      2     codebook size - 1
    15      1     flags: 1 scales, 2 labels, 4 segments, 8 entropy tables, 16 length; others are reserved
    16      1     length of the model name, 1..64
    17      1     length of the version, 1..64
    18      1     length of the token space, 1..64
    19      ...   model name, version, token space, one after the other
    ...     2     with flag 2: number of labels - 1, 1..65535
    ...     2     with flag 2: label hop, samples per label, 1..65535
    ...     4     with flag 4: segment length in samples, 1 or more
    ...     4     with flag 4: segment stride in samples, 1..length, a multiple of the label hop
    ...     8     with flag 8: id of the tables that entropy-coded blocks need
    ...     8     with flag 16: audio samples per channel, below 2^64 - 1; else the index has them
    ...     4     CRC-32 of every byte before

Block, 18 bytes + payload. The first block starts after the header, every other after the one before, and its
first frame is the one after the last frame of the block before (0 for the first block):

    0       2     marker: CD 42
    2       1     payload coding (low 3 bits) + 8 * (number of the segment mod 32, 0 without flag 4)
    3       1     n_q: codebooks in this block, 1..codebooks; 0 in a segment record
    4       4     first frame
    8       2     number of frames: 1..65535; 0 in a segment record
    10      2     payload bytes
    12      4     CRC-32 of bytes 0..11 and the payload
    16      2     CRC-16 of bytes 0..15
    18      ...   payload

Payload coding 0, packed: n_q rows, the first codebook's first, each of ceil(frames * bits / 8) bytes. A row
holds one code per frame, packed, so that codebooks are dropped by cutting the payload short.

Payload coding 1, entropy-coded, only with flag 8: the lengths of n_q rows (2 bytes each), then the rows, the
first codebook's first. What a row holds is for `codec.entropy` to say; it depends on the rows before it only,
so that codebooks are dropped by leaving out rows. n_q * ceil(frames * bits / 8) is below 65536 here too.

Payload coding 2, segment record, only with one of the flags 1, 2, 4. Other codings are reserved.

    0       4     with flag 4: number of the segment
    ...     4     with flag 1: scale, the level factor of the segment, f32, positive
    ...     4     with flag 2: number of labels of the segment
    ...     ...   with flag 2: the labels, packed

Segments: with none of the flags 1, 2, 4 there are no records. Otherwise every block of codes belongs to the
segment of the last record before it, and the first block is a record; a record has the first frame of the
block after it. Without flag 4 the audio is coded whole and is the one segment, number 0. With flag 4 segment
k holds the samples from k * stride up to k * stride + length or the end of the audio; there is one for every
k >= 0 with k * stride below the number of samples, in order, each of ceil((its samples + e) / hop) frames
with an e >= 0 that is the same for all. The labels of a segment are those of its samples, one for each label
hop that starts in them, so that they repeat where segments overlap.

Index, 14 or 22 bytes + 4 per block, right after the last block and last in the file:

    0       2     marker: CD 49
    2       4 k   for each of the k blocks: number of frames (2; 0: segment record), payload bytes (2)
    2+4k    8     without flag 16: audio samples per channel; all ones: unknown
    ...     4     k, at most 1048576
    ...     4     CRC-32 of every byte of the index before
    ...     4     end marker: 43 44 43 CD

A reader finds the index from the end of the file, and in it the block and the record of any frame. A file
without one is still being written, or was cut. The two checks of a block tell a damaged length (search for
the next marker) from a damaged payload (skip the block). Where records are lost, the low bits of the segment
number tell that a block belongs to none of those that were read.
"""

from codec.container.coder import RowCoder
from codec.container.damage import DamageReport, FrameRange, SegmentRange
from codec.container.describe import describe
from codec.container.header import CdcHeader
from codec.container.layout import UnknownFormatError
from codec.container.plain import PlainCdc
from codec.container.reader import CdcReader, CdcSource
from codec.container.segment import CodeBlock, SegmentRecord
from codec.container.thin import thin_cdc
from codec.container.whole import read_cdc, read_tokens, write_cdc
from codec.container.writer import CdcWriter

__all__ = [
    "CdcHeader",
    "CdcReader",
    "CdcSource",
    "CdcWriter",
    "CodeBlock",
    "DamageReport",
    "FrameRange",
    "PlainCdc",
    "RowCoder",
    "SegmentRange",
    "SegmentRecord",
    "UnknownFormatError",
    "describe",
    "read_cdc",
    "read_tokens",
    "thin_cdc",
    "write_cdc",
]
