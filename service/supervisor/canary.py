"""The share of unnamed work that goes to the version of another channel, as long as that does well."""

import logging
import time
from collections import deque
from dataclasses import dataclass

_LOG = logging.getLogger(__name__)
_WINDOW_SECONDS = 60.0
_LEAST_OUTCOMES = 20
_MAX_EXCESS = 0.05


@dataclass(frozen=True, slots=True)
class _Outcomes:
    """What became of work in one second: of which version, and how much of it failed."""

    at: float
    version: str
    done: int
    failed: int


class Canary:
    """`weight`: the share; 0 = none, 1 = all. `channel`: whose version gets it. `withdrawn`: why the share
    was taken back, "" if it was not.

    The share is taken back when, of the work of the last 60 s, at least 20 pieces were the canary's and
    the part of them that failed is more than 5 percentage points above that of the default version; or
    when the canary's version was rejected.
    """

    def __init__(self, model: str) -> None:
        self.weight = 0.0
        self.channel = ""
        self.withdrawn = ""
        self._model = model
        self._recent: deque[_Outcomes] = deque()

    def give(self, channel: str, weight: float) -> None:
        """Give the version of a channel this share; what it did before does not count."""
        self.channel, self.weight, self.withdrawn = channel, weight, ""
        self._recent.clear()
        extra = {"model": self._model, "channel": channel, "weight": weight}
        _LOG.info("canary", extra=extra)

    def withdraw(self, reason: str) -> None:
        """Take the share back."""
        if not self.weight:
            return
        self.weight, self.withdrawn = 0.0, reason
        extra = {"model": self._model, "channel": self.channel, "reason": reason}
        _LOG.error("canary withdrawn", extra=extra)

    def count(self, version: str, done: int, failed: int) -> None:
        """Note what became of work."""
        now = time.monotonic()
        self._recent.append(_Outcomes(now, version, done, failed))
        while self._recent[0].at < now - _WINDOW_SECONDS:
            self._recent.popleft()

    def judge(self, canary: str, default: str) -> None:
        """Compare the canary's version with the default one."""
        if not self.weight or canary == default:
            return
        total, share = self._failed_share(canary)
        _, usual = self._failed_share(default)
        if total >= _LEAST_OUTCOMES and share > usual + _MAX_EXCESS:
            self.withdraw(
                f"{share:.0%} of {total} requests to {canary} failed within {_WINDOW_SECONDS:.0f} s, "
                f"{usual:.0%} of those to {default}"
            )

    def _failed_share(self, version: str) -> tuple[int, float]:
        mine = [outcomes for outcomes in self._recent if outcomes.version == version]
        failed = sum(outcomes.failed for outcomes in mine)
        total = failed + sum(outcomes.done for outcomes in mine)
        return total, failed / total if total else 0.0
