"""How far behind their sources the live streams of a worker are."""

_HALF_LIFE_NS = 5e8

BEHIND_NS = 80_000_000
"""A message of the usual length: who is later than that still speaks while the next one is there already."""


class Lateness:
    """Remembers the worst of late, half as much of it half a second later."""

    def __init__(self) -> None:
        self._worst_ns = 0.0
        self._at_ns = 0

    def note(self, late_ns: int, now_ns: int) -> None:
        """A live stream is served that much later than its source has spoken."""
        self._worst_ns = max(float(late_ns), self.worst_ns(now_ns))
        self._at_ns = now_ns

    def worst_ns(self, now_ns: int) -> float:
        """What is left of the worst."""
        decay: float = 0.5 ** ((now_ns - self._at_ns) / _HALF_LIFE_NS)
        return self._worst_ns * decay

    def is_behind(self, now_ns: int) -> bool:
        """Whether the worker has more live streams than it can serve in real time now."""
        return self.worst_ns(now_ns) > BEHIND_NS
