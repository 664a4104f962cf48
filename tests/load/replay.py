"""What comes back on a stream, compared with what has to come as it comes, and not kept."""

import numpy as np

from tests.load.scripts import Script

_TOLERANCE = 1e-4
"""Of float samples: the order in which a batch adds up is not the order of a single item."""


class Replay(bytearray):
    """Takes the place of a stream's output. `wrong`: codes (samples, for a decode stream) that differ.

    Codes have to agree bit for bit. Stays empty: an hour of samples of each stream would fill the memory.
    """

    def __init__(self, script: Script, *, is_encode: bool, checked: bool) -> None:
        super().__init__()
        self.wrong = 0
        wanted = script.codes.T.astype("<u2") if is_encode else script.samples.astype("<f4")
        self._wanted = np.ascontiguousarray(wanted).ravel() if checked else None
        self._position = 0

    def extend(self, payload: bytes) -> None:  # type: ignore[override]
        """Compare one message."""
        if self._wanted is None:
            return
        found = np.frombuffer(payload, self._wanted.dtype)
        wanted = self._wanted[self._position : self._position + len(found)]
        self._position += len(found)
        self.wrong += len(found) - len(wanted)
        found = found[: len(wanted)]
        if self._wanted.dtype.kind == "f":
            self.wrong += int(np.count_nonzero(~(np.abs(found - wanted) <= _TOLERANCE)))
        else:
            self.wrong += int(np.count_nonzero(found != wanted))

    def end(self, *, complete: bool) -> None:
        """The stream has ended; `complete`: after all of the clip, so that nothing may be missing."""
        if self._wanted is not None and complete:
            self.wrong += max(0, len(self._wanted) - self._position)
