"""Prefill and decode on workers of their own, as the question names them."""

import re
from typing import Any

from tokenroof.errors import InputError
from tokenroof.types.scenario import APART, DEGREES
from tokenroof.usecases.simulate.request import SimulateRequest

__all__ = ["workers_named"]

_RATIO = re.compile(r"([1-9][0-9]{0,5}):([1-9][0-9]{0,5})")


def workers_named(request: SimulateRequest) -> dict[str, Any]:
    """Fields of the scenario that `disaggregate` P:D stands for: so many workers of each role.

    Where no layouts are named the degrees that are given are those of both roles.
    """
    text = request.disaggregate
    if text is None:
        return {}
    found = _RATIO.fullmatch(text)
    if found is None:
        raise InputError("disaggregate", text, "P:D, workers that prefill and workers that decode, such as 1:3")
    for name in ("prefill_workers", "decode_workers"):
        if (value := getattr(request, name)) is not None:
            raise InputError(name, value, "left out with `disaggregate`, which says it")
    changed: dict[str, Any] = {"prefill_workers": int(found[1]), "decode_workers": int(found[2])}
    if request.prefill_layout is None:
        degrees = {name: value for name in DEGREES if (value := getattr(request, name)) is not None}
        if not degrees:
            raise InputError(
                "disaggregate", text, "given with `prefill_layout` and `decode_layout`",
                "or with degrees such as `tp` 2, which both roles then have",
            )  # fmt: skip
        label = " ".join(f"{name}{value}" for name, value in degrees.items())
        changed |= dict.fromkeys(APART[:2], label) | dict.fromkeys(degrees)
    return changed
