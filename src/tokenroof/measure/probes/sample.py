"""Timings of one thing done again and again: warmed up, as a median with its spread."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

__all__ = ["Sample", "sample_of", "spread_of", "timed"]

_LEAST_S = 1e-3  # a repetition shorter than this is done several times between two looks at the clock
_WARM_UP = 2
_MOST_INNER = 1_000_000
_REPEATS = (5, 25)


def _nothing() -> None:
    """What a device without a queue waits for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One probe at one size.

    `spread` is the middle half of the repetitions over their median; `moved_bytes` and `flops` are of one repetition,
    0 where the probe has none, and rates are theirs over the median. `cached`: the same buffer each time, so that it
    may come from a cache.
    """

    probe: str
    format: str
    shape: str
    moved_bytes: float
    flops: float
    repeats: int
    median_s: float
    best_s: float
    spread: float
    bytes_per_s: float
    flops_per_s: float
    cached: bool = False


def spread_of(times_s: Sequence[float]) -> float:
    """Upper less lower quartile, over the median: 0 where every repetition took as long."""
    low, middle, high = statistics.quantiles(times_s, n=4, method="inclusive")
    return (high - low) / middle


def sample_of(
    probe: str, times_s: Sequence[float], *, format: str = "", shape: str = "", moved_bytes: float = 0.0,
    flops: float = 0.0, cached: bool = False,
) -> Sample:  # fmt: skip
    """The sample that these repetitions make."""
    median_s = statistics.median(times_s)
    return Sample(
        probe=probe, format=format, shape=shape, moved_bytes=float(moved_bytes), flops=float(flops),
        repeats=len(times_s), median_s=median_s, best_s=min(times_s), spread=spread_of(times_s),
        bytes_per_s=moved_bytes / median_s, flops_per_s=flops / median_s, cached=cached,
    )  # fmt: skip


def _once(
    run: Callable[[int], None], wait: Callable[[], None], clock: Callable[[], float], first: int, n: int
) -> float:
    started = clock()
    for number in range(first, first + n):
        run(number)
    wait()
    return clock() - started


def timed(
    run: Callable[[int], None],
    *,
    budget_s: float,
    wait: Callable[[], None] = _nothing,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[float, ...]:
    """Seconds of each repetition after a warm-up, at least five and as many as the budget holds, at most 25.

    `run` is told how often it ran before, so that it can take other data each time. `wait` returns when all that was
    started is done.
    """
    number, inner = 0, 1
    lasted = 0.0
    for _ in range(_WARM_UP):
        lasted = _once(run, wait, clock, number, 1)
        number += 1
    while lasted < _LEAST_S and inner < _MOST_INNER:
        inner *= 2
        lasted = _once(run, wait, clock, number, inner)
        number += inner
    least, most = _REPEATS
    times: list[float] = []
    spent = 0.0
    while len(times) < least or (len(times) < most and spent < budget_s):
        lasted = _once(run, wait, clock, number, inner)
        number += inner
        spent += lasted
        times.append(lasted / inner)
    return tuple(times)
