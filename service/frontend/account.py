"""What one caller uses: of it this front end keeps its own part, and sees those of the others."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

Cell: TypeAlias = "memoryview[float]"
"""One number, a float64, in memory that other processes may read."""


class Figure:
    """One number as the sum of what every front end has to say; nobody writes another's cell."""

    def __init__(self, own: Cell, others: Sequence[Cell] = ()) -> None:
        self._own = own
        self._others = others

    @classmethod
    def alone(cls) -> "Figure":
        """A number that only this front end knows."""
        return cls(memoryview(bytearray(8)).cast("d"))

    @property
    def own(self) -> float:
        """The part of this front end."""
        return self._own[0]

    @own.setter
    def own(self, value: float) -> None:
        self._own[0] = value

    @property
    def others(self) -> float:
        """The parts of all others."""
        return sum(cell[0] for cell in self._others)


@dataclass(frozen=True, slots=True)
class Account:
    """`streams` live now; `queued_seconds` of audio now; `requests` and `audio_seconds` ever."""

    streams: Figure
    queued_seconds: Figure
    requests: Figure
    audio_seconds: Figure

    @classmethod
    def alone(cls) -> "Account":
        """That of a caller whom no other front end serves."""
        return cls(Figure.alone(), Figure.alone(), Figure.alone(), Figure.alone())
