"""The searches that everything here needs: the largest whole number that passes, and where a function crosses."""

from collections.abc import Callable

__all__ = ["crossing", "falling_root", "largest_whole"]


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


def falling_root(
    value: Callable[[float], float], low: float, high: float, *, tolerance: float = 1e-8, rounds: int = 60
) -> float:
    """Where a falling `value` reaches 0: the last place found that is not below it, or `low` where even that is below.

    False position that halves the weight of an end which stays (Illinois): a smooth value takes about eight calls
    where halving the interval takes thirty.
    """
    at_high = value(high)
    if at_high >= 0.0:
        return high
    at_low, kept = value(low), 0
    if at_low < 0.0:
        return low
    for _ in range(rounds):
        if high - low <= tolerance * abs(high):
            break
        middle = low + (high - low) * min(max(at_low / (at_low - at_high), 1e-9), 1.0 - 1e-9)
        at_middle = value(middle)
        if at_middle >= 0.0:
            low, at_low, at_high, kept = middle, at_middle, at_high * (0.5 if kept > 0 else 1.0), 1
        else:
            high, at_high, at_low, kept = middle, at_middle, at_low * (0.5 if kept < 0 else 1.0), -1
    return low
