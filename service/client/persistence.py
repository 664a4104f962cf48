"""When a client opens a lost stream again, and when it gives up."""

import random
import time
from collections.abc import Callable

from service.client.errors import ClientError, RefusedError, TryAgainError
from service.client.streams import Talk

_FIRST_DELAY_SECONDS = 0.05
_LONGEST_DELAY_SECONDS = 1.0


class Persistence:
    """Counts the time for which a stream is lost; `resume_seconds` of it are borne, 0 = none."""

    def __init__(self, resume_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._resume_seconds = resume_seconds
        self._clock = clock
        self._lost_at: float | None = None
        self._delay = 0.0

    @property
    def is_on(self) -> bool:
        """Whether lost streams are opened again at all."""
        return self._resume_seconds > 0

    def answered(self) -> None:
        """The stream goes on: output has come."""
        self._lost_at = None
        self._delay = 0.0

    def delay_seconds(self, talk: Talk, error: ClientError) -> float:
        """How long to wait before the stream is opened again; raises `error` if it is not to be."""
        if not (self.is_on and talk.can_resume):
            raise error
        if isinstance(error, RefusedError) and error.code == "not_found" and talk.unpin():
            return 0.0
        now = self._clock()
        if self._lost_at is None:
            self._lost_at = now
        if not isinstance(error, TryAgainError) or now - self._lost_at > self._resume_seconds:
            raise error
        # Clients that were cut off together must not come back together.
        delay = self._delay * random.uniform(0.5, 1.0)  # no secret depends on it
        self._delay = min(max(2 * self._delay, _FIRST_DELAY_SECONDS), _LONGEST_DELAY_SECONDS)
        return delay
