"""What has gone into a stream, kept for as long as a stream after it might need it again."""

from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

Piece = NDArray[Any]
"""Input whose last axis counts items: samples `[sample]`, or codes `[codebook, frame]`."""


class History:
    """Successive pieces of input, found by the number of their first item."""

    def __init__(self) -> None:
        self.end = 0
        self._pieces: deque[tuple[int, Piece]] = deque()

    def append(self, piece: Piece) -> None:
        """Take what comes next; nothing is kept of an empty piece."""
        if piece.shape[-1]:
            self._pieces.append((self.end, piece))
            self.end += piece.shape[-1]

    def after(self, position: int) -> Piece:
        """The piece that item `position` lies in, from that item on. Raises `LookupError` for a lost one."""
        for start, piece in self._pieces:
            if start <= position < start + piece.shape[-1]:
                return np.asarray(piece[..., position - start :])
        raise LookupError(f"item {position} is not kept")

    def between(self, start: int, end: int) -> list[Piece]:
        """Items `start` up to `end` in as many pieces as they came in. Raises as `after`."""
        pieces = []
        while start < end:
            piece = self.after(start)[..., : end - start]
            pieces.append(piece)
            start += piece.shape[-1]
        return pieces

    def forget(self, before: int) -> None:
        """Drop pieces that end at or before item `before`."""
        while self._pieces and self._pieces[0][0] + self._pieces[0][1].shape[-1] <= before:
            self._pieces.popleft()
