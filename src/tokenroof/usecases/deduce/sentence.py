"""The answer of `deduce` in a sentence: what it is, how large, what says so, and what stays open."""

import math
from collections.abc import Sequence

from tokenroof.infer.posterior import Choice, Estimate, Moved

__all__ = ["EVIDENCE", "odds_of", "sentence_of"]

EVIDENCE = {
    "input_price": "the input price", "output_ratio": "output over input", "cached_ratio": "the price of cached input",
    "long_context": "the step at long context", "fast_mode": "the fast mode",
    "spare_capacity": "the batch discount", "host_floor": "what other hosts ask",
}  # fmt: skip
_SURE = 0.9
_OPEN = 0.6  # of the prior's width left: little is learnt
_SAID = 0.01  # nats: an interval narrower by a tenth, or a median moved by a seventh of a standard deviation
_DEVIATIONS = 2.563  # of a normal in its 80 % interval


def odds_of(choices: Sequence[Choice], name: str, value: str) -> tuple[float, float]:
    """Chance of one value of a choice: before the evidence, and after."""
    found = next(choice for choice in choices if choice.name == name)
    at = found.values.index(value)
    return found.prior[at], found.posterior[at]


def _figures(value: float) -> str:
    """Two figures: the interval is wide."""
    scale, unit = (1e12, "T") if value >= 1e12 else (1e9, "B")
    shown = float(f"{value / scale:.1e}")
    return f"{shown:.0f} {unit}" if shown >= 10 else f"{shown:.1f} {unit}"


def _between(estimate: Estimate) -> str:
    low, high = _figures(estimate.low80), _figures(estimate.high80)
    if low[-2:] == high[-2:]:
        low = low[:-2]
    return f"{low} to {high}"


def _learnt(moved: Moved, estimate: Estimate) -> float:
    """Nats that a channel adds on one unknown: between normals of the medians and widths with and without it."""
    deviation = math.log(estimate.high80 / estimate.low80) / _DEVIATIONS
    narrower = max(moved.width_factor[estimate.name], 1e-9)
    shift = math.log(moved.median_factor[estimate.name]) / max(deviation, 1e-9)
    return math.log(narrower) + (1.0 + shift * shift) / (2.0 * narrower * narrower) - 0.5


def _said(estimates: Sequence[Estimate], moved: Sequence[Moved]) -> str:
    """The channel that says most of the size, and whether the cache stays open."""
    size = next(one for one in estimates if one.name == "total_params")
    first = max(moved, key=lambda one: _learnt(one, size), default=None)
    if first is None:
        return "No evidence is used."
    kv = next(one for one in estimates if one.name == "kv_bytes_per_token")
    open_kv = "; little is learnt about its KV cache" if kv.width_left > _OPEN else ""
    if _learnt(first, size) < _SAID:
        return f"No single price says much of its size{open_kv}."
    name = EVIDENCE.get(first.channel, first.channel)
    return f"{name[0].upper()}{name[1:]} says most of it{open_kv}."


def sentence_of(estimates: Sequence[Estimate], choices: Sequence[Choice], moved: Sequence[Moved]) -> str:
    """Kind and 80 % intervals of the sizes, then the evidence."""
    by_name = {one.name: one for one in estimates}
    _, mixture = odds_of(choices, "experts", "mixture")
    what = "a mixture of experts" if mixture >= 0.5 else "a dense model"
    how = "Most likely" if max(mixture, 1.0 - mixture) >= _SURE else "Perhaps"
    total, active = _between(by_name["total_params"]), _between(by_name["active_params"])
    head = f"{how} {what} with {total} parameters, {active} active."
    return f"{head} {_said(estimates, moved)}" if moved else f"Before any evidence: {head[0].lower()}{head[1:]}"
