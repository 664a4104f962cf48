"""What is missing from a damaged `.cdc` file."""

from dataclasses import dataclass

from codec.container.block import PackedBlock

MAX_PROBLEMS = 100
"""Problems kept in words; further ones are only counted."""


@dataclass(frozen=True)
class FrameRange:
    """Frames `start` up to but not including `stop`; `stop` is None where the end is unknown."""

    start: int
    stop: int | None


@dataclass(frozen=True)
class SegmentRange:
    """Segments `start` up to but not including `stop`."""

    start: int
    stop: int


@dataclass(frozen=True)
class DamageReport:
    """What was found while reading: lost frames in order, problems in words, and how many there were in all.

    `lost_segments`: segments whose record is lost, with or without their frames. `finished` tells whether
    the end of the file was there; without it the file is cut or still being written.
    """

    lost: tuple[FrameRange, ...]
    lost_segments: tuple[SegmentRange, ...]
    problems: tuple[str, ...]
    n_problems: int
    finished: bool

    @property
    def intact(self) -> bool:
        """Whether the file is finished and nothing is missing."""
        return self.finished and not (self.lost or self.lost_segments or self.n_problems)


class DamageLog:
    """Follows the frames that come out of a file and notes those that do not."""

    def __init__(self, next_frame: int = 0) -> None:
        self.next_frame = next_frame
        self._lost: list[FrameRange] = []
        self._lost_segments: list[SegmentRange] = []
        self._problems: list[str] = []
        self._n_problems = 0
        self._finished = False

    def note(self, problem: str) -> None:
        """Remember a problem in words."""
        self._n_problems += 1
        if len(self._problems) < MAX_PROBLEMS:
            self._problems.append(problem)

    def take(self, block: PackedBlock) -> None:
        """Count a block whose first frame is not before `next_frame`; frames that it skips are lost."""
        self._skip_to(block.first_frame)
        self.next_frame = block.first_frame + block.n_frames

    def lose_segments(self, start: int, stop: int) -> None:
        """The records of segments `start` up to but not including `stop` are lost."""
        if self._lost_segments and self._lost_segments[-1].stop == start:
            start = self._lost_segments.pop().start
        self._lost_segments.append(SegmentRange(start, stop))

    def finish(self, n_frames: int) -> None:
        """The end of the file was reached, which says that there are `n_frames`."""
        self._finished = True
        self._skip_to(n_frames)

    def report(self) -> DamageReport:
        """What is known by now."""
        lost = tuple(self._lost) if self._finished else (*self._lost, FrameRange(self.next_frame, None))
        segments = tuple(self._lost_segments)
        return DamageReport(lost, segments, tuple(self._problems), self._n_problems, self._finished)

    def _skip_to(self, frame: int) -> None:
        if frame > self.next_frame:
            self._lost.append(FrameRange(self.next_frame, frame))
            self.next_frame = frame
