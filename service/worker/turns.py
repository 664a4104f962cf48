"""Whose turn it is: deficit round-robin over callers, counted in seconds of predicted run time."""

from collections.abc import Set

QUANTUM_SECONDS = 0.005
"""What a caller may run before the next one's turn. A step cannot be interrupted, so a turn is one step, or
several that together take no longer than this; what a step takes beyond it is owed in the next rounds."""


class Turns:
    """Callers that have work, in the order of their turns, with what each may still run.

    Who comes anew stands last, so it waits for one turn of each of those before it, however much they have
    queued; who has no more work loses what it had left. (Shreedhar and Varghese, "Efficient fair queuing
    using deficit round-robin", 1995.)
    """

    def __init__(self) -> None:
        self._credit_seconds: dict[int, float] = {}

    def first(self, callers: Set[int]) -> int:
        """The one of `callers`, which are all that have work and of which there is one, whose turn it is."""
        credit = self._credit_seconds
        for gone in credit.keys() - callers:
            del credit[gone]
        for caller in callers:
            credit.setdefault(caller, QUANTUM_SECONDS)
        while True:
            caller, left = next(iter(credit.items()))
            if left > 0:
                return caller
            del credit[caller]
            credit[caller] = left + QUANTUM_SECONDS

    def charge(self, caller: int, seconds: float) -> None:
        """A caller has run for so long."""
        if caller in self._credit_seconds:
            self._credit_seconds[caller] -= seconds
