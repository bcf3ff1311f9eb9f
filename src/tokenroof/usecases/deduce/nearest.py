"""Known models near a deduction, twins told once: GLM-4.5, 4.6 and 4.7 are one architecture."""

import math
from collections.abc import Sequence

from tokenroof.infer.posterior import ARCHITECTURE, Neighbour

__all__ = ["distinct"]

_SAME = 0.05  # on logarithms


def distinct(neighbours: Sequence[Neighbour]) -> tuple[Neighbour, ...]:
    """The same models in the same order, of each architecture the first."""
    found: list[Neighbour] = []
    for near in neighbours:
        twin = any(
            all(abs(math.log(getattr(near.truth, n) / getattr(f.truth, n))) < _SAME for n in ARCHITECTURE)
            for f in found
        )
        if not twin:
            found.append(near)
    return tuple(found)
