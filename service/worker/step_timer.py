"""How long steps take, without what others run in their pauses."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class StepTimer:
    """Differences of `read` are nanoseconds by both clocks, without those spent `away`."""

    def __init__(self, clock: Callable[[], int], cpu_clock: Callable[[], int]) -> None:
        self._clock = clock
        self._cpu_clock = cpu_clock
        self._away = (0, 0)

    def read(self) -> tuple[int, int]:
        """Both times, since some moment in the past."""
        return self._clock() - self._away[0], self._cpu_clock() - self._away[1]

    @contextmanager
    def away(self) -> Iterator[None]:
        """A step is interrupted meanwhile; what runs instead is measured by itself."""
        began_ns, began_cpu_ns = self.read()
        yield
        # What runs in a pause has none of its own.
        ended_ns, ended_cpu_ns = self.read()
        self._away = self._away[0] + ended_ns - began_ns, self._away[1] + ended_cpu_ns - began_cpu_ns
