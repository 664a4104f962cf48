"""The `.cdc` file: codes on disk, packed, checked, seekable, and readable while they are being written.

A file is a header, blocks, and an index that marks the end; docs/file-format.md describes every byte. The two
checks of a block tell a damaged length (search for the next marker) from a damaged payload (skip the block).
Where records are lost, the low bits of the segment number tell that a block belongs to none of those that
were read.
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
