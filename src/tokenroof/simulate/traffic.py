"""Seconds on the networks by whole numbers of tokens, worked out beforehand."""

from array import array
from dataclasses import dataclass
from typing import Any

import numpy as np

from tokenroof.mixers.rows import DECODE_TOKENS, LOGITS, ONE, PREFILL, STAGE_TOKENS, TOKENS
from tokenroof.operators.links import link_s
from tokenroof.operators.timing import Timed
from tokenroof.xp import NUMPY

__all__ = ["Traffic", "traffic_of"]


@dataclass(frozen=True, slots=True)
class Traffic:
    """By tokens of a rank, by tokens that decode, and by positions that want logits.

    `tokens_s` and `beside_s` are of a step that only decodes, and of one with prompts. `beside_s` runs beside the work
    of the other half of the batch; None where passes are not cut.
    """

    tokens_s: tuple["array[float]", "array[float]"]
    beside_s: tuple["array[float]", "array[float]"] | None
    decode_s: "array[float]"
    logits_s: "array[float]"


def traffic_of(timed: Timed, counts: Any, own: Any) -> Traffic:
    """Of steps with `counts` tokens of a group, of which a rank has `own`; those that only prompts send left out."""
    found = {name: np.zeros(len(own)) for name in ("tokens", "prompts", "beside", "beside_prompts", "decode", "logits")}
    for link in timed.links:
        if link.part == "prefill":
            continue
        values: list[Any] = [0.0] * len(timed.program.variables)
        values[ONE], values[TOKENS], values[LOGITS], values[STAGE_TOKENS] = 1.0, own, own, counts
        values[DECODE_TOKENS] = own if link.part == "decode" else 0.0
        alone = link.count * (link.wait_s + link_s(link, values, NUMPY))
        values[PREFILL] = 1.0
        mixed = link.count * (link.wait_s + link_s(link, values, NUMPY))
        if link.part == "decode":
            found["decode"] += alone
        elif link.beside:
            found["beside"] += alone
            found["beside_prompts"] += mixed
        elif LOGITS in {at for at, _ in link.size}:
            found["logits"] += alone
        else:
            found["tokens"] += alone
            found["prompts"] += mixed
    kept = {name: array("d", seconds) for name, seconds in found.items()}
    cut = any(link.beside for link in timed.links)
    return Traffic(
        (kept["tokens"], kept["prompts"]), (kept["beside"], kept["beside_prompts"]) if cut else None, kept["decode"],
        kept["logits"],
    )  # fmt: skip
