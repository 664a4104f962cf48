"""Reading `.cdc` files: whole, block by block, from any frame, and past damage."""

import io
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np

from codec.container.block import CodeBlock, PackedBlock, parse_block, parse_block_head
from codec.container.damage import DamageLog, DamageReport
from codec.container.header import CdcHeader, header_bytes, parse_header
from codec.container.index import BlockPlace, Index, find_index, parse_index
from codec.container.layout import (
    BLOCK_HEADER_BYTES,
    BLOCK_MARKER,
    HEADER_FIXED_BYTES,
    INDEX_MARKER,
    MAX_INDEX_BYTES,
    UnknownFormatError,
)
from codec.container.window import ByteWindow
from codec.errors import ContainerError, InvalidRequestError, InvalidTokensError, LimitExceededError
from codec.tokens import Codes, Tokens

CdcSource = Path | BinaryIO | bytes

MAX_FALSE_MARKERS = 2**20
"""Byte pairs that look like a marker and are none, after which a file counts as noise."""


class CdcReader:
    """Reads a `.cdc` file block by block in constant memory.

    Strict (the default): anything wrong raises `ContainerError`, a missing end included. Tolerant: every
    intact block comes out, in order, and `report` names the lost frames; fatal are only a damaged header, and
    blocks whose checksums are right and whose content is not. A file that is still being written is read
    tolerantly; iterating again later continues with what was added.
    Use it as a context manager, or `close` it, if the source is a path. Raises `OSError` if that cannot be
    opened.
    """

    def __init__(self, source: CdcSource, tolerant: bool = False) -> None:
        self._tolerant = tolerant
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
        self._start_at(0)

    def __iter__(self) -> Iterator[CodeBlock]:
        for block in self.packed_blocks():
            yield block.unpack(self.header.format)

    def packed_blocks(self) -> Iterator[PackedBlock]:
        """The remaining blocks, not unpacked."""
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
            if block.first_frame + block.n_frames > self._wanted_frame:
                yield block

    def seek(self, frame: int) -> None:
        """Continue with the block that holds `frame`, found by the index, or by searching without one.

        The report starts anew. Raises `InvalidRequestError` for a frame outside the file, and
        `ContainerError` if the source cannot seek.
        """
        if not self._window.seekable:
            raise ContainerError("this source cannot seek; read it from a file or from memory")
        index = self._load_index()
        if frame < 0 or (index is not None and frame >= index.n_frames):
            last = "the last frame" if index is None else str(index.n_frames - 1)
            raise InvalidRequestError(f"frame {frame} is outside the file; choose 0..{last}")
        block = BlockPlace(0, 0) if index is None else index.find(frame)
        self._window.seek(self._blocks_start + block.offset)
        self._start_at(block.first_frame)
        self._wanted_frame = frame

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

    def _start_at(self, first_frame: int) -> None:
        self._log = DamageLog(first_frame)
        self._wanted_frame = 0
        self._finished = False
        self._in_sync = True
        # The index is compared with the blocks where all of them were seen.
        self._entries = bytearray() if first_frame == 0 else None

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
        block = parse_block(data, head, self.header)
        place = self._log.next_frame
        if block.first_frame < place or (block.first_frame > place and not self._tolerant):
            raise ContainerError(f"a block of frame {block.first_frame} stands where frame {place} belongs")
        self._log.take(block)
        if self._entries is not None:
            self._entries += block.index_entry()
        return block

    def _finish(self) -> None:
        data = self._window.peek(MAX_INDEX_BYTES + 1)
        index = parse_index(data)
        if not self._tolerant and not self._agrees(index):
            raise ContainerError("the index does not describe the blocks before it; read the file tolerantly")
        self._window.skip(len(data))
        self._index = index
        self._finished = True
        self._log.finish(index.n_frames)

    def _agrees(self, index: Index) -> bool:
        if self._entries is not None and bytes(self._entries) != index.entries:
            return False
        return index.n_frames == self._log.next_frame and self.header.n_samples in (None, index.n_samples)

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
            self._index = find_index(self._window, self._blocks_start)
        return self._index


def read_cdc(source: CdcSource, max_frames: int | None = None) -> Tokens:
    """Read a whole `.cdc` file strictly.

    Where blocks differ in n_q the tokens have the smallest: the first codebooks mean the same at any n_q;
    iterate over a `CdcReader` to use each block's own. Raises `ContainerError` for a file that is damaged or
    unfinished, and `LimitExceededError` as soon as there are more than `max_frames`.
    """
    codes: list[Codes] = []
    with CdcReader(source) as reader:
        n_frames = 0
        for block in reader:
            n_frames += block.codes.shape[1]
            if max_frames is not None and n_frames > max_frames:
                raise LimitExceededError(f"the file has more than {max_frames} frames; decode it in parts")
            codes.append(block.codes)
        header, n_samples = reader.header, reader.n_samples
    n_q = min((block.shape[0] for block in codes), default=header.codebooks)
    whole = np.concatenate([np.empty((n_q, 0), np.uint16), *(block[:n_q] for block in codes)], axis=1)
    form = header.format
    try:
        return Tokens(
            *(whole, header.identity, form.sample_rate, form.hop_samples, n_samples),
            *(form.codebook_size, header.scale),
        )
    except InvalidTokensError as error:
        raise ContainerError(f"the .cdc file makes no sense: {error}") from error
