"""Who holds which row of the batched stream state."""

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to use a row until the generation of that row moves on."""

    row: int
    generation: int


class SlotPool:
    """Rows `first_row .. first_row + size - 1`, each with a generation that counts its releases.

    Releasing compares the generation, so giving a lease back twice cannot free a row under its next
    holder; such attempts, and work presented for an old lease, are counted in `mismatches`.
    """

    def __init__(self, size: int, *, first_row: int = 0) -> None:
        self.size = size
        self.mismatches = 0
        self._first_row = first_row
        self._generations = [0] * size
        self._free = deque(range(size))

    @property
    def used(self) -> int:
        """Rows that are held now."""
        return self.size - len(self._free)

    def acquire(self) -> Lease | None:
        """A row that nobody holds, or None when all are held; the longest unused row comes first."""
        if not self._free:
            return None
        slot = self._free.popleft()
        return Lease(self._first_row + slot, self._generations[slot])

    def holds(self, lease: Lease) -> bool:
        """Whether the lease is the present one of its row; a stale one is counted."""
        current = self._generations[lease.row - self._first_row] == lease.generation
        self.mismatches += not current
        return current

    def release(self, lease: Lease) -> bool:
        """Give the row back; False, and no change, when the lease is stale."""
        if not self.holds(lease):
            return False
        slot = lease.row - self._first_row
        self._generations[slot] += 1
        self._free.append(slot)
        return True
