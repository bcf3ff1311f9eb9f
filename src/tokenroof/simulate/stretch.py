"""The seconds of many decode steps of the same requests, from few of them: steps get longer in straight pieces."""

import math
from collections.abc import Sequence

from tokenroof.simulate.step_times import Chunk, Times, Work

__all__ = ["steps_before"]

_STRAIGHT = 1e-12
_NOBODY: tuple[Chunk, ...] = ()


def steps_before(
    times: Times, works: Sequence[Work], most: int, start: float, first_s: float, horizon: float
) -> tuple[int, float]:
    """Steps, at most so many, that start before a moment, and their seconds."""
    if horizon < math.inf:
        guess = math.ceil((horizon - start) / first_s)  # steps only get longer
        most = max(1, min(most, guess))
    seconds = _sum_s(times, works, 0, most, first_s, None)
    if most == 1 or start + seconds < horizon:
        return most, seconds
    low, high, high_s = 1, most, seconds  # after `low` steps the moment is not reached, after `high` it is
    while high - low > 1:
        middle = min(max(low + 1, math.ceil(high * (horizon - start) / high_s)), high - 1)
        seconds = _sum_s(times, works, 0, middle, first_s, None)
        if start + seconds < horizon:
            low = middle
        else:
            high, high_s = middle, seconds
    return high, high_s


def _sum_s(times: Times, works: Sequence[Work], begin: int, count: int, first_s: float, last_s: float | None) -> float:
    """Seconds of `count` steps from the `begin`th on: steps get longer in straight pieces, which are halved for."""
    if count == 1:
        return first_s
    if last_s is None:
        last_s = _later_s(times, works, begin + count - 1)
    if count == 2:
        return first_s + last_s
    half = count // 2
    middle_s = _later_s(times, works, begin + half)
    straight = first_s + (last_s - first_s) * half / (count - 1)
    if abs(middle_s - straight) <= _STRAIGHT * last_s:
        return count * (first_s + last_s) / 2.0
    before_s = _later_s(times, works, begin + half - 1) if half > 1 else first_s
    return _sum_s(times, works, begin, half, first_s, before_s) + _sum_s(
        times, works, begin + half, count - half, middle_s, last_s
    )


def _later_s(times: Times, works: Sequence[Work], steps: int) -> float:
    return times([(n, contexts + n * steps, _NOBODY) for n, contexts, _ in works])
