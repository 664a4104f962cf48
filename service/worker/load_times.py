"""How long a worker took over each step of getting its version ready."""

import time


class LoadTimes:
    """Seconds by stage; the stages are those that a version can be rejected at, and `engine`."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._since = time.monotonic()

    def done(self, stage: str) -> None:
        """All time since the stage before, or since the beginning, went into this one."""
        now = time.monotonic()
        self.seconds[stage] = now - self._since
        self._since = now
