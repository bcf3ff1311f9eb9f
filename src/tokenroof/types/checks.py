"""Checks at the edge: a quantity is finite and inside its limits, or the user hears which one is not."""

import math
from collections.abc import Iterable

from tokenroof.errors import InputError

__all__ = ["check_choice", "check_number", "check_positive"]


def check_number(field: str, value: float, *, low: float = -math.inf, high: float = math.inf, fix: str = "") -> float:
    """`value` if it is a finite number in [low, high]; InputError otherwise."""
    number = float(value)
    if not math.isfinite(number):
        raise InputError(field, value, "a finite number", fix)
    if number < low or number > high:
        limit = (
            f"at least {low:g}"
            if high == math.inf
            else f"at most {high:g}"
            if low == -math.inf
            else (f"from {low:g} to {high:g}")
        )
        raise InputError(field, value, limit, fix)
    return number


def check_positive(field: str, value: float, *, high: float = 1e30, fix: str = "") -> float:
    """`value` if it is finite, above zero and at most `high`."""
    number = float(value)
    if not math.isfinite(number) or number <= 0:
        raise InputError(field, value, "a finite number above 0", fix)
    return check_number(field, number, high=high, fix=fix)


def check_choice(field: str, value: str, choices: Iterable[str]) -> str:
    """`value` if it is one of `choices`."""
    known = tuple(choices)
    if value not in known:
        raise InputError(field, value, f"one of {', '.join(known)}")
    return value
