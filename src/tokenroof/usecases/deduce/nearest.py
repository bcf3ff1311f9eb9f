"""Known models near a deduction, twins told once: GLM-4.5, 4.6 and 4.7 are one architecture."""

import math
from collections.abc import Sequence

from tokenroof.infer.posterior import ARCHITECTURE, Neighbour

__all__ = ["NEAR", "distinct", "near"]

NEAR = 0.8  # credible level of the region in which a model counts as near
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


def near(neighbours: Sequence[Neighbour], most: int) -> tuple[Neighbour, ...]:
    """The nearest of those inside the joint 80 % region, twins told once; none where the region holds none."""
    return tuple(one for one in distinct(neighbours) if one.level <= NEAR)[:most]
