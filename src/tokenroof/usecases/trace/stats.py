"""Numbers that describe a stream of requests: burstiness, lengths, windows of time."""

import math
from dataclasses import dataclass

import numpy as np

from tokenroof.simulate.requests import FloatArray, IntArray, Requests

__all__ = [
    "DISPERSION_WINDOW_S", "Lengths", "TraceWindow", "busiest_rate", "dispersion", "gap_cv", "lengths_of", "windows_of",
]  # fmt: skip

DISPERSION_WINDOW_S = 10.0
_MOST_WINDOWS = 400
_IN_A_WINDOW = 4.0  # requests, on average: fewer make a comb of zeros and ones


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """Tokens of the inputs or outputs: their mean, standard deviation over mean, percentiles and ends."""

    mean: float
    cv: float
    min: int
    p50: float
    p90: float
    p95: float
    p99: float
    max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceWindow:
    """Requests that arrive from `start_s` on until the next window, and their tokens."""

    start_s: float
    requests: int
    input_tokens: int
    output_tokens: int


def lengths_of(column: IntArray) -> Lengths:
    """What one column of lengths is like."""
    p50, p90, p95, p99 = (float(value) for value in np.percentile(column, (50, 90, 95, 99)))
    mean = float(column.mean())
    return Lengths(
        mean=mean, cv=float(column.std()) / mean, min=int(column.min()), p50=p50, p90=p90, p95=p95, p99=p99,
        max=int(column.max()),
    )  # fmt: skip


def gap_cv(arrival_s: FloatArray) -> float | None:
    """Standard deviation of the gaps between arrivals over their mean: 1 for a Poisson stream, 0 for a steady one.

    None below two gaps, or where all arrive at once.
    """
    gaps = np.diff(arrival_s)
    if len(gaps) < 2 or arrival_s[-1] == 0.0:
        return None
    return float(gaps.std() / gaps.mean())


def _counts(arrival_s: FloatArray, window_s: float) -> tuple[IntArray, int]:
    """Arrivals in each whole window that has any, and how many whole windows there are.

    Empty windows are only counted: a trace may have gaps of any length.
    """
    windows = math.floor(float(arrival_s[-1]) / window_s) if len(arrival_s) else 0
    inside = np.floor(arrival_s / window_s).astype(np.int64)
    _, counts = np.unique(inside[inside < windows], return_counts=True)
    return counts.astype(np.int64), windows


def dispersion(arrival_s: FloatArray, window_s: float = DISPERSION_WINDOW_S) -> float | None:
    """Index of dispersion: variance of the arrivals in a window over their mean; 1 for a Poisson stream.

    Bursts that outlast single gaps raise it where the cv of gaps does not see them. None below two whole windows.
    """
    counts, windows = _counts(arrival_s, window_s)
    total = int(counts.sum())
    if windows < 2 or total == 0:
        return None
    mean = total / windows
    return float((counts.astype(np.float64) ** 2).sum() / windows - mean * mean) / mean


def busiest_rate(arrival_s: FloatArray, window_s: float = DISPERSION_WINDOW_S) -> float | None:
    """Requests per second in the busiest whole window; None where there is none."""
    counts, windows = _counts(arrival_s, window_s)
    return float(counts.max()) / window_s if windows and len(counts) else None


def _width(duration_s: float, requests: int) -> float:
    """A round width, at least a second, with some requests in a window and at most _MOST_WINDOWS windows."""
    least = max(duration_s / _MOST_WINDOWS, _IN_A_WINDOW * duration_s / requests, 1.0)
    decade = 10.0 ** math.floor(math.log10(least))
    return next(step * decade for step in (1.0, 2.0, 5.0, 10.0) if step * decade >= least)


def windows_of(requests: Requests) -> tuple[float, tuple[TraceWindow, ...]]:
    """The stream over time: width of a window in seconds, and its windows one after the other."""
    width = _width(requests.duration_s, len(requests))
    place = np.floor(requests.arrival_s / width).astype(np.int64)
    count = int(place[-1]) + 1
    arrivals, inputs, outputs = (
        np.bincount(place, weights=weights, minlength=count) for weights in (None, requests.isl, requests.osl)
    )
    return width, tuple(
        TraceWindow(
            start_s=k * width, requests=int(arrivals[k]), input_tokens=int(inputs[k]), output_tokens=int(outputs[k])
        )
        for k in range(count)
    )
