"""The two searches that everything here needs: the largest whole number that passes, and where a function crosses."""

from collections.abc import Callable

__all__ = ["crossing", "largest_whole"]


def largest_whole(passes: Callable[[float], bool], low: int, high: int) -> int:
    """Largest whole number from `low` to `high` that passes, where all below it do too; `low` - 1 where none does."""
    if high < low or not passes(float(low)):
        return low - 1
    if passes(float(high)):
        return high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if passes(float(middle)) else (low, middle)
    return low


def crossing(
    below: Callable[[float], bool], low: float, high: float, *, ratio: bool = False, rounds: int = 100
) -> tuple[float, float]:
    """Narrows [low, high] to the place where `below` turns from true to false: the last true, the first false.

    With `ratio` the middle is the geometric one, for quantities that span orders of magnitude.
    """
    for _ in range(rounds):
        middle = (low * high) ** 0.5 if ratio else (low + high) / 2.0
        if not low < middle < high:
            break
        low, high = (middle, high) if below(middle) else (low, middle)
    return low, high
