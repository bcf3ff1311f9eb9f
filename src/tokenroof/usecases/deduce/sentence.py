"""The answer of `deduce` in a sentence: what it is, how large, what says so, and what stays open."""

import math
from collections.abc import Sequence

from tokenroof.infer.posterior import Choice, Estimate, Moved

__all__ = ["EVIDENCE", "learnt", "odds_of", "sentence_of"]

EVIDENCE = {
    "input_price": "the input price", "output_speed": "the output speed", "fast_mode": "the fast mode",
    "spare_capacity": "the batch discount", "speed_ratio": "the speed beside another model",
    "speed_slope": "speed over context", "ttft_slope": "TTFT over prompts", "known_total": "what is known of the total",
    "known_active": "what is known of active parameters", "known_kv": "what is known of the cache",
}  # fmt: skip
OF_CACHE = ("speed_slope", "known_kv")  # what speaks of the cache itself, and not through the size
_SCALES = ((1e12, "T"), (1e9, "B"), (1e6, "M"))
_SURE = 0.9
_SAID = 0.01  # nats: an interval narrower by a tenth, or a median moved by a seventh of a standard deviation
_DEVIATIONS = 2.563  # of a normal in its 80 % interval


def odds_of(choices: Sequence[Choice], name: str, value: str) -> tuple[float, float]:
    """Chance of one value of a choice: before the evidence, and after."""
    found = next(choice for choice in choices if choice.name == name)
    at = found.values.index(value)
    return found.prior[at], found.posterior[at]


def _figures(value: float) -> str:
    """Two figures: the interval is wide."""
    scale, unit = next(one for one in _SCALES if value >= one[0] or one is _SCALES[-1])
    shown = float(f"{value / scale:.1e}")
    return f"{shown:.0f} {unit}" if shown >= 10 else f"{shown:.1f} {unit}"


def _between(estimate: Estimate) -> str:
    low, high = _figures(estimate.low80), _figures(estimate.high80)
    if low[-2:] == high[-2:]:
        low = low[:-2]
    return f"{low} to {high}"


def learnt(moved: Moved, estimate: Estimate) -> float:
    """Nats that a channel adds on one unknown: between normals of the medians and widths with and without it."""
    deviation = math.log(estimate.high80 / estimate.low80) / _DEVIATIONS
    narrower = 1.0 / max(moved.width_factor[estimate.name], 1e-9)
    shift = math.log(moved.median_factor[estimate.name]) / max(deviation, 1e-9)
    return math.log(narrower) + (1.0 + shift * shift) / (2.0 * narrower * narrower) - 0.5


def _said(estimates: Sequence[Estimate], moved: Sequence[Moved], others: str, cache_of_lab: bool) -> str:
    """The channels that say most of the size, and whether any speaks of the cache."""
    size = [one for one in estimates if one.name in ("total_params", "active_params")]
    ranked = sorted(((max(learnt(m, one) for one in size), m) for m in moved), key=lambda pair: -pair[0])
    named = [EVIDENCE.get(m.channel, m.channel) for much, m in ranked[:2] if much >= max(_SAID, 0.1 * ranked[0][0])]
    named += [others] if others else []
    who = f"{', '.join(named[:-1])} and {named[-1]}" if len(named) > 1 else "".join(named)
    says = (
        f"{who} {'say' if len(named) > 1 or others else 'says'} so"
        if named
        else "no single price says much of its size"
    )
    cache = any(one.channel in OF_CACHE for one in moved)
    if cache:
        return says
    if cache_of_lab:
        return f"{says}; of the KV cache only the lab's other models tell"
    return f"{says}; nothing tells the KV cache, whose range is that of models of such a size"


def _head(mixture: float, total: Estimate, active: Estimate) -> str:
    """The kind, with its chance where that is not clear, and both sizes; a dense model has one."""
    sizes = f"of {_between(total)}"
    if mixture >= _SURE:
        return f"Most likely a mixture of experts {sizes} with {_between(active)} active"
    if mixture <= 1.0 - _SURE:
        also = "" if _between(active) == _between(total) else f", or a mixture with {_between(active)} active"
        return f"Most likely a dense model {sizes}{also}"
    first, other, chance = ("mixture of experts", "dense model", mixture)
    if mixture < 0.5:
        first, other, chance = other, first, 1.0 - mixture
    return f"A {first} ({chance:.0%}) or a {other} {sizes} with {_between(active)} active".replace("%", " %")


def sentence_of(
    estimates: Sequence[Estimate],
    choices: Sequence[Choice],
    moved: Sequence[Moved],
    others: str = "",
    cache_of_lab: bool = False,
) -> str:
    """Kind and 80 % intervals of the sizes, then the evidence; `others` are models of the lab that were read beside."""
    by_name = {one.name: one for one in estimates}
    _, mixture = odds_of(choices, "experts", "mixture")
    head = _head(mixture, by_name["total_params"], by_name["active_params"])
    return (
        f"{head}: {_said(estimates, moved, others, cache_of_lab)}."
        if moved
        else f"Before any evidence: {head[0].lower()}{head[1:]}."
    )
