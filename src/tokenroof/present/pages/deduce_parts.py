"""What the pages of deduction have in common: names of unknowns, values in their units, spans, wrapped text."""

import textwrap

from tokenroof.present.numbers import BYTES, PARAMS, Unit, count, percent, quantity, times

__all__ = ["NAMES", "factor", "span", "value", "wrapped"]

NAMES = {
    "total_params": "total parameters", "active_params": "active parameters", "sparsity": "total / active",
    "kv_bytes_per_token": "KV cache per token", "scan_fraction": "share of cache read",
    "usd_per_chip_h": "price of a chip", "batch": "sequences per weight read",
    "batch_over_balance": "batch over critical", "markup": "mark-up over hosts",
    "price_over_cost": "list price / modelled cost", "hit_share": "cache-hit share", "duty_cycle": "duty cycle",
    "prefill_mfu": "prefill MFU", "decode_mbu": "decode MBU", "context_in_use": "context in use",
    "size": "sqrt(total x active)",
}  # fmt: skip
_SHARES = frozenset({"scan_fraction", "hit_share", "duty_cycle", "prefill_mfu", "decode_mbu"})
_RATIOS = frozenset({"markup", "price_over_cost"})
_UNITS = {
    "param": PARAMS, "B/token": BYTES, "USD/GPU/h": Unit(before="$", after="/h", money=True),
    "USD/token": Unit(1e6, before="$", after="/M", money=True), "s": Unit(1e3, after=" ms"),
    "B/s": Unit(1e-9, after=" GB/s"),
}  # fmt: skip
_WIDTH, _LABEL = 96, 14
_SECONDS = 10.0  # from which a time is told in seconds


def value(number: float | None, unit: str, name: str = "") -> str:
    """A number of an unknown: shares in per cent, ratios with an x, tokens whole."""
    if number is None:
        return "-"
    if name in _SHARES:
        return percent(number)
    if name in _RATIOS:
        return times(number)
    if unit == "token":
        return count(number)
    if unit == "s" and number >= _SECONDS:
        return quantity(number, Unit(after=" s"))
    return quantity(number, _UNITS[unit]) if unit in _UNITS else quantity(number)


def factor(ratio: float | None) -> str:
    """A factor that may be far below one: `2.15x`, `0.49x`, `0.0044x`."""
    return "" if ratio is None else f"{quantity(ratio)}x" if ratio >= 0.1 else f"{ratio:.2g}x"


def span(low: float | None, high: float | None, unit: str, name: str = "") -> str:
    """An interval that may be open on a side."""
    if low is None and high is None:
        return "-"
    if low is None:
        return f"up to {value(high, unit, name)}"
    if high is None:
        return f"from {value(low, unit, name)}"
    one, other = value(low, unit, name), value(high, unit, name)
    for tail in (" %", "x"):
        if one.endswith(tail) and other.endswith(tail):
            one = one.removesuffix(tail)
    return f"{one} to {other}"


def wrapped(label: str, said: str, width: int = _WIDTH) -> list[str]:
    """A labelled sentence, broken between words."""
    lead = f"{label:<{_LABEL}}"
    return textwrap.wrap(
        said, width, initial_indent=lead, subsequent_indent=" " * len(lead), break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip
