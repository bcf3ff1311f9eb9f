"""Synthetic requests: arrivals at a rate, lengths from a distribution written as text, one seed.

    synthetic(1_000, rate=8.0, isl="lognormal:1155:1.1", osl="211", seed=7)
    synthetic(1_000, rate=8.0, arrivals="gamma:3", isl="uniform:500:1500", osl="exp:200")
    closed_loop(1_000, isl="range:0.8:8k", osl="range:0.8:1k")

Lengths (tokens; rounded, never below 1, so that a wide normal has a higher mean than it names):

    1155                  always
    uniform:LOW:HIGH      every whole number from LOW to HIGH alike
    normal:MEAN:SD        bell
    lognormal:MEAN:CV     mean and standard deviation over mean of the lengths themselves
    exp:MEAN              exponential
    range:RATIO:MAX       from RATIO x MAX to MAX alike: --random-range-ratio of SGLang's and of vLLM's older benchmark

Arrivals: `poisson`; `constant`; `gamma:CV`, gaps with that standard deviation over mean (1 is poisson; vLLM's
--burstiness is 1 / CV^2). Arrivals, inputs and outputs have random streams of their own: a change of one leaves the
others as they were.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tokenroof.errors import InputError, UnitError
from tokenroof.registry import nearest
from tokenroof.simulate.requests import MAX_TOKENS, FloatArray, IntArray, Requests
from tokenroof.types.limits import Within
from tokenroof.units import parse_count

__all__ = ["MAX_REQUESTS", "arrival_times", "closed_loop", "drawn_lengths", "synthetic", "thinking"]

MAX_REQUESTS = 100_000_000
_DRAWN = 4096

_COUNT = Within(1, MAX_REQUESTS, "requests")
_RATE = Within(0, 1e9, "requests/s", above=True)
_TOKENS = Within(1, MAX_TOKENS, "tokens")
_SPREAD = Within(0, MAX_TOKENS, "tokens")
_CV = Within(0, 100)
_GAP_CV = Within(0.01, 100)
_RATIO = Within(0, 1, above=True)

Generator = np.random.Generator


@dataclass(frozen=True, slots=True)
class _Kind:
    """A distribution: the limits of its numbers by name, and its draw (generator, how many, numbers)."""

    numbers: dict[str, Within]
    draw: Callable[..., FloatArray]

    def form(self, name: str) -> str:
        return ":".join((name, *self.numbers)).removeprefix("fixed:")


def _uniform(rng: Generator, count: int, low: float, high: float) -> FloatArray:
    return rng.integers(math.floor(low), math.floor(high) + 1, count).astype(np.float64)


def _lognormal(rng: Generator, count: int, mean: float, cv: float) -> FloatArray:
    variance = math.log1p(cv * cv)
    return rng.lognormal(math.log(mean) - variance / 2.0, math.sqrt(variance), count)


_LENGTHS = {
    "fixed": _Kind({"TOKENS": _TOKENS}, lambda rng, count, tokens: np.full(count, tokens)),
    "uniform": _Kind({"LOW": _TOKENS, "HIGH": _TOKENS}, _uniform),
    "normal": _Kind({"MEAN": _TOKENS, "SD": _SPREAD}, lambda rng, count, mean, sd: rng.normal(mean, sd, count)),
    "lognormal": _Kind({"MEAN": _TOKENS, "CV": _CV}, _lognormal),
    "exp": _Kind({"MEAN": _TOKENS}, lambda rng, count, mean: rng.exponential(mean, count)),
    "range": _Kind(
        {"RATIO": _RATIO, "MAX": _TOKENS},
        lambda rng, count, ratio, most: _uniform(rng, count, max(ratio * most, 1.0), most),
    ),
}

# gaps of mean 1
_GAPS = {
    "poisson": _Kind({}, lambda rng, count: rng.standard_exponential(count)),
    "constant": _Kind({}, lambda rng, count: np.ones(count)),
    "gamma": _Kind({"CV": _GAP_CV}, lambda rng, count, cv: rng.gamma(1.0 / (cv * cv), cv * cv, count)),
}


def _read(text: str, kinds: dict[str, _Kind], field: str) -> tuple[_Kind, list[float]]:
    """The distribution that a text names, and its numbers within their limits."""
    name, *parts = [part.strip() for part in text.split(":")]
    if not parts and "fixed" in kinds and name[:1] in tuple("0123456789.-+"):
        name, parts = "fixed", [name]
    forms = ", ".join(kind.form(known) for known, kind in kinds.items())
    if name not in kinds:
        near = nearest(name, kinds)
        raise InputError(field, text, f"one of {forms}", f"did you mean {near[0]}?" if near else "")
    kind, numbers = kinds[name], list[float]()
    if len(parts) != len(kind.numbers):
        wanted = f"of the form {kind.form(name)}" if name != "fixed" else f"one of {forms}"
        raise InputError(field, text, wanted)
    for part, (what, limit) in zip(parts, kind.numbers.items(), strict=True):
        try:
            numbers.append(parse_count(part))
        except UnitError:
            raise InputError(field, text, f"of the form {kind.form(name)}", f"{part!r} is no number") from None
        if not limit.holds(numbers[-1]):
            raise InputError(field, text, f"of the form {kind.form(name)} with {what} {limit.text}")
    if name == "uniform" and numbers[0] > numbers[1]:
        raise InputError(field, text, "of the form uniform:LOW:HIGH with LOW at most HIGH")
    return kind, numbers


def drawn_lengths(text: str, count: int, rng: Generator, field: str = "isl") -> IntArray:
    """Lengths in whole tokens, at least 1, from a distribution such as `lognormal:1155:1.1`."""
    kind, numbers = _read(text, _LENGTHS, field)
    drawn = np.clip(np.rint(kind.draw(rng, count, *numbers)), 1, MAX_TOKENS)
    return drawn.astype(np.int64)


def arrival_times(text: str, rate: float, count: int, rng: Generator) -> FloatArray:
    """Times of `count` arrivals in seconds, the first at 0, with gaps of mean 1 / rate."""
    kind, numbers = _read(text, _GAPS, "arrivals")
    if not _RATE.holds(rate):
        raise InputError("rate", rate, _RATE.text)
    times = np.zeros(count)
    np.cumsum(kind.draw(rng, count - 1, *numbers) / rate, out=times[1:])
    return times


def _streams(count: int, seed: int) -> list[Generator]:
    if not _COUNT.holds(count):
        raise InputError("requests", count, _COUNT.text)
    if seed < 0:
        raise InputError("seed", seed, "a whole number of at least 0")
    return [np.random.default_rng(one) for one in np.random.SeedSequence(seed).spawn(3)]


def synthetic(requests: int, *, rate: float, isl: str, osl: str, arrivals: str = "poisson", seed: int = 0) -> Requests:
    """Requests of an open loop: `rate` arrivals a second on average."""
    clock, inputs, outputs = _streams(requests, seed)
    return Requests(
        arrival_s=arrival_times(arrivals, rate, requests, clock),
        isl=drawn_lengths(isl, requests, inputs, "isl"),
        osl=drawn_lengths(osl, requests, outputs, "osl"),
    )


def closed_loop(requests: int, *, isl: str, osl: str, seed: int = 0) -> Requests:
    """Requests of a closed loop: lengths alone, as each is sent when another ends; all are there at 0 s."""
    _, inputs, outputs = _streams(requests, seed)
    return Requests(
        arrival_s=np.zeros(requests),
        isl=drawn_lengths(isl, requests, inputs, "isl"),
        osl=drawn_lengths(osl, requests, outputs, "osl"),
    )


def thinking(mean_s: float, least_s: float = 0.0, seed: int = 0) -> Callable[[], float]:
    """Draws times that users read between requests: exponential, and `least_s` more."""
    rng = np.random.default_rng(np.random.SeedSequence(seed).spawn(4)[3])
    drawn: list[float] = []

    def draw() -> float:
        if not drawn:
            drawn.extend(rng.exponential(mean_s, _DRAWN).tolist())
        return least_s + drawn.pop()

    return draw
