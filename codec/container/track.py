"""Which segment a block belongs to, and which segment records are missing."""

from codec.container.block import PackedBlock
from codec.container.damage import DamageLog
from codec.container.header import CdcHeader
from codec.container.layout import SEGMENT_CYCLE
from codec.container.segment import SegmentRecord
from codec.errors import ContainerError


class SegmentTrack:
    """Follows the segments that come out of a file and notes in `log` those whose record does not.

    `current`: the segment at this place, None before the first one. Strict tracks raise `ContainerError`
    for a missing record, all of them for a segment that comes after a later one.
    """

    def __init__(
        self, header: CdcHeader, log: DamageLog, strict: bool, current: SegmentRecord | None = None
    ) -> None:
        self.current = current
        self._header = header
        self._log = log
        self._strict = strict

    def begin(self, record: SegmentRecord) -> None:
        """A record was read."""
        if record.number < self._expected:
            raise ContainerError(f"segment {record.number} stands where segment {self._expected} belongs")
        self._lose(record.number)
        self.current = record

    def take(self, block: PackedBlock) -> None:
        """A block of codes was read; `current` is its segment afterwards."""
        if not self._header.side.recorded:
            return
        number = self._number_of(block)
        if self.current is not None and number == self.current.number:
            return
        if number < self._expected:
            raise ContainerError(f"segment {number} stands where segment {self._expected} belongs")
        self._lose(number + 1)
        self.current = SegmentRecord(number, block.first_frame, lost=True)

    def finish(self, n_records: int) -> None:
        """The end of the file was reached, which says that there are `n_records`."""
        if self._header.side.recorded:
            self._lose(n_records)

    @property
    def _expected(self) -> int:
        return 0 if self.current is None else self.current.number + 1

    def _lose(self, stop: int) -> None:
        if stop <= self._expected:
            return
        if self._strict:
            raise ContainerError(f"there is no record of segment {self._expected}; read the file tolerantly")
        self._log.lose_segments(self._expected, stop)

    def _number_of(self, block: PackedBlock) -> int:
        """Of the numbers that the block can mean, the one nearest to where it stands."""
        segmentation = self._header.side.segmentation
        if segmentation is None:
            return 0
        number, first_frame = (self.current.number, self.current.first_frame) if self.current else (0, 0)
        samples = (block.first_frame - first_frame) * self._header.format.hop_samples
        highest = number + samples // segmentation.length_samples + SEGMENT_CYCLE // 2
        return highest - (highest - block.segment) % SEGMENT_CYCLE
