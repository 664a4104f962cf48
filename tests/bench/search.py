"""The largest number that passes a test which smaller numbers pass too, in few tries."""

from collections.abc import Callable

_GROWTH = 1.5


def largest_passing(passes: Callable[[int], bool], start: int, limit: int, resolution: float = 0.08) -> int:
    """The largest number up to `limit` that passes, to within `resolution` of itself; 0 if not even 1 does.

    Upwards from `start` by half each time, downwards by half where the start itself fails, and then
    halving what lies between the last that passed and the first that failed.
    """
    low, high, number = 0, limit + 1, min(max(1, start), limit)
    while low == 0 and number > 0:
        if passes(number):
            low = number
        else:
            high, number = number, number // 2
    while 0 < low < high - 1 and high - low > resolution * low:
        upward = -int(-low * _GROWTH // 1) if high > limit else (low + high) // 2
        number = min(max(upward, low + 1), limit)
        if passes(number):
            low = number
        else:
            high = number
    return low


def confirmed(passes: Callable[[int], bool], candidate: int, resolution: float = 0.08, tries: int = 3) -> int:
    """The candidate, or the first of the next smaller numbers, that passes a longer test; 0 if none does."""
    for _ in range(tries):
        if candidate < 1 or passes(candidate):
            return candidate
        candidate = min(candidate - 1, round(candidate * (1 - resolution)))
    return 0
