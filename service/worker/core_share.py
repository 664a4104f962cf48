"""Whether a worker has its core to itself."""

import math

_MEMORY_NS = 5e8
_CONTENDED = 0.7


class CoreShare:
    """The part of the time of its steps in which they ran, over the last half second of them.

    On two cores that front end and callers share with two workers it is 0.85 while there is always something
    to run, and 0.55 beside one process that wants a core as well. A worker that never sleeps has no claim
    to be served at once then, and live messages wait for others' time slices.
    """

    def __init__(self) -> None:
        self._share = 1.0

    def note(self, run_ns: int, cpu_ns: int) -> None:
        """A step ran for so long, and had so much CPU time."""
        if run_ns > 0:
            weight = 1.0 - math.exp(-run_ns / _MEMORY_NS)
            self._share += weight * (min(1.0, cpu_ns / run_ns) - self._share)

    @property
    def is_contended(self) -> bool:
        """Whether others want this core, too."""
        return self._share < _CONTENDED
