"""Reading `.cdc` files: whole, block by block, from any frame, and past damage."""

import io
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from codec.container.block import PackedBlock, parse_block, parse_block_head
from codec.container.coder import RowCoder
from codec.container.damage import DamageLog, DamageReport
from codec.container.header import CdcHeader, header_bytes, parse_header
from codec.container.index import BlockPlace, Index, RecordPlace, find_index, parse_index
from codec.container.layout import (
    BLOCK_HEADER_BYTES,
    BLOCK_MARKER,
    CODED,
    HEADER_FIXED_BYTES,
    INDEX_MARKER,
    MAX_INDEX_BYTES,
    RECORD,
    UnknownFormatError,
)
from codec.container.segment import CodeBlock, SegmentRecord
from codec.container.track import SegmentTrack
from codec.container.window import ByteWindow
from codec.errors import ContainerError, InvalidRequestError

CdcSource = Path | BinaryIO | bytes

MAX_FALSE_MARKERS = 2**20
"""Byte pairs that look like a marker and are none, after which a file counts as noise."""


class CdcReader:
    """Reads a `.cdc` file block by block in constant memory.

    Strict (the default): anything wrong raises `ContainerError`, a missing end included. Tolerant: every
    intact block comes out, in order, and `report` names the lost frames and segment records; fatal are only
    a damaged header, and blocks whose checksums are right and whose codes are not. A file that is still being
    written is read tolerantly; iterating again later continues with what was added.
    Iterating over entropy-coded blocks needs the `coder` that made them, which may be set once the header has
    told which, and raises `ContainerError` without.
    Use it as a context manager, or `close` it, if the source is a path. Raises `OSError` if that cannot be
    opened.
    """

    def __init__(self, source: CdcSource, tolerant: bool = False, coder: RowCoder | None = None) -> None:
        self._tolerant = tolerant
        self.coder = coder
        self._cleanup = ExitStack()
        if isinstance(source, Path):
            stream: BinaryIO = self._cleanup.enter_context(source.open("rb"))
        else:
            stream = io.BytesIO(source) if isinstance(source, bytes) else source
        self._window = ByteWindow(stream)
        try:
            self.header = self._read_header()
        except BaseException:
            self.close()
            raise
        self._blocks_start = self._window.position
        self._index: Index | None = None
        self._false_markers = 0
        self._start_at(BlockPlace(0, 0))

    def __iter__(self) -> Iterator[CodeBlock]:
        for block in self.packed_blocks():
            if block.coding != RECORD:
                yield self.unpack(block)

    def unpack(self, block: PackedBlock) -> CodeBlock:
        """The codes of the block that `packed_blocks` gave last. Raises what iterating raises."""
        header = self.header
        if block.coding == CODED and (self.coder is None or self.coder.tables_id != header.tables_id):
            raise ContainerError(
                f"the codes are entropy-coded with tables of {header.identity.model} "
                f"{header.identity.version}; read the file with that version of the model"
            )
        return CodeBlock(block.first_frame, block.unpack(header.format, self.coder), self.segment)

    def packed_blocks(self) -> Iterator[PackedBlock]:
        """The remaining blocks, not unpacked, and the segment records among them."""
        while not self._finished:
            place = self._window.position
            try:
                block = self._next()
            except UnknownFormatError:
                raise
            except ContainerError as problem:
                if not self._tolerant:
                    raise
                self._recover(problem, place)
                continue
            if block is None:
                return
            self._in_sync = True
            if block.first_frame + max(1, block.n_frames) > self._wanted_frame:
                yield block

    def seek(self, frame: int) -> None:
        """Continue with the codes of the block that holds `frame`, found by the index, else by searching.

        The report starts anew. Raises `InvalidRequestError` for a frame outside the file, and
        `ContainerError` if the source cannot seek.
        """
        if not self._window.seekable:
            raise ContainerError("this source cannot seek; read it from a file or from memory")
        index = self._load_index()
        if frame < 0 or (index is not None and frame >= index.n_frames):
            last = "the last frame" if index is None else str(index.n_frames - 1)
            raise InvalidRequestError(f"frame {frame} is outside the file; choose 0..{last}")
        place = BlockPlace(0, 0) if index is None else index.find(frame)
        self._start_at(place)
        self._wanted_frame = frame
        record = None if index is None or not self.header.side.recorded else index.find_record(frame)
        if record is not None:
            self._track.current = self._record_at(record)
        self._window.seek(self._blocks_start + place.offset)

    def seek_segment(self, frame: int) -> None:
        """Continue with the first block of the segment that holds `frame`, or of what is left of it.

        A file without segment records is one segment. Raises what `seek` raises, and without an index what
        iterating up to there does.
        """
        self.seek(frame)
        while self.segment is None and next(self.packed_blocks(), None) is not None:
            continue
        self.seek(0 if self.segment is None else self.segment.first_frame)

    @property
    def segment(self) -> SegmentRecord | None:
        """The segment that is being read; None before the first one, and in files without segment records."""
        return self._track.current

    @property
    def report(self) -> DamageReport:
        """What was lost between the start (or the last `seek`) and here."""
        return self._log.report()

    @property
    def n_samples(self) -> int | None:
        """Audio samples per channel; None if the file does not say, or not yet."""
        if self.header.n_samples is not None:
            return self.header.n_samples
        index = self._load_index()
        return None if index is None else index.n_samples

    @property
    def bytes_read(self) -> int:
        """Position in the file."""
        return self._window.position

    def close(self) -> None:
        """Close the file if it was opened here."""
        self._cleanup.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read_header(self) -> CdcHeader:
        size = header_bytes(self._window.peek(HEADER_FIXED_BYTES))
        data = self._window.peek(size)
        if len(data) < size:
            raise ContainerError("the .cdc header is cut short or damaged; fetch the file again")
        header = parse_header(data)
        self._window.skip(size)
        return header

    def _start_at(self, place: BlockPlace) -> None:
        self._log = DamageLog(place.first_frame)
        self._track = SegmentTrack(self.header, self._log, strict=not self._tolerant)
        self._wanted_frame = 0
        self._finished = False
        self._in_sync = True
        # The index is compared with the blocks where all of them were seen.
        self._entries = bytearray() if place.offset == 0 else None

    def _next(self) -> PackedBlock | None:
        """The block at this place, or None at the end."""
        marker = bytes(self._window.peek(2))
        if marker == INDEX_MARKER:
            self._finish()
            return None
        if marker == BLOCK_MARKER:
            return self._next_block()
        if len(marker) < 2:
            self._end_missing()
            return None
        raise ContainerError(f"there is no block at byte {self._window.position}; read the file tolerantly")

    def _next_block(self) -> PackedBlock | None:
        block = self._read_block()
        if block is None:
            return None
        place = self._log.next_frame
        if block.first_frame < place or (block.first_frame > place and not self._tolerant):
            raise ContainerError(f"a block of frame {block.first_frame} stands where frame {place} belongs")
        if block.coding == RECORD:
            self._track.begin(SegmentRecord.parse(block, self.header.side))
        else:
            self._track.take(block)
        self._log.take(block)
        if self._entries is not None:
            self._entries += block.index_entry()
        return block

    def _read_block(self) -> PackedBlock | None:
        """The block at this place, whatever its frames, or None if it is cut."""
        data = self._window.peek(BLOCK_HEADER_BYTES)
        if len(data) < BLOCK_HEADER_BYTES:
            self._end_missing()
            return None
        head = parse_block_head(data)
        if head is None:
            raise ContainerError(f"the block at byte {self._window.position} is damaged (header checksum)")
        size = BLOCK_HEADER_BYTES + head.payload_bytes
        data = self._window.peek(size)
        if len(data) < size:
            self._end_missing()
            return None
        # The length is sound even if the codes are not, so the search for the next block starts after it.
        self._window.skip(size)
        return parse_block(data, head, self.header)

    def _record_at(self, place: RecordPlace) -> SegmentRecord:
        """The segment record that the index promises, or one that says that it is lost."""
        self._window.seek(self._blocks_start + place.offset)
        try:
            block = self._read_block()
            if block is None or block.coding != RECORD:
                raise ContainerError(f"there is no segment record for frame {place.first_frame}")
            return SegmentRecord.parse(block, self.header.side)
        except ContainerError as problem:
            if not self._tolerant:
                raise
            self._log.note(str(problem))
            self._log.lose_segments(place.number, place.number + 1)
            return SegmentRecord(place.number, place.first_frame, lost=True)

    def _finish(self) -> None:
        data = self._window.peek(MAX_INDEX_BYTES + 1)
        index = parse_index(data, self.header.n_samples is not None)
        if not self._tolerant and not self._agrees(index):
            raise ContainerError("the index does not describe the blocks before it; read the file tolerantly")
        self._window.skip(len(data))
        self._index = index
        self._finished = True
        self._log.finish(index.n_frames)
        self._track.finish(index.n_records)

    def _agrees(self, index: Index) -> bool:
        if self._entries is not None and bytes(self._entries) != index.entries:
            return False
        return index.n_frames == self._log.next_frame

    def _end_missing(self) -> None:
        """The bytes ended before the index did: fine for a tolerant reader, an error for a strict one."""
        if not self._tolerant:
            raise ContainerError(
                f"the .cdc file stops after frame {self._log.next_frame} without its end: it was cut, or is "
                "still being written; read it tolerantly"
            )

    def _recover(self, problem: ContainerError, place: int) -> None:
        """Note a problem found at `place` and move to the next thing that looks like a block or the index."""
        if self._in_sync:
            self._log.note(str(problem))
        elif (false_markers := self._false_markers) < MAX_FALSE_MARKERS:
            self._false_markers = false_markers + 1
        else:
            raise ContainerError("the file is too damaged to search; fetch it again") from problem
        self._in_sync = False
        if self._window.position == place:
            self._window.skip(1)
        self._window.find((BLOCK_MARKER, INDEX_MARKER))

    def _load_index(self) -> Index | None:
        """The index from the end of the source, or None without a sound one."""
        if self._index is None and self._window.seekable:
            measured = self.header.n_samples is not None
            self._index = find_index(self._window, self._blocks_start, measured)
        return self._index
