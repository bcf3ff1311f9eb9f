"""Levels of labs: models of one lab lie to one side of a line together, so that known ones tell of the next.

A lab builds sparser models than others or keeps another kind of attention, and asks more or less. Of the variance
around a line a share is the lab's own level, which is forgotten over a year or so: what a lab did two years ago tells
little. With known models the level is known up to a part of it, and the next model scatters less.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Level", "Miss", "level_of", "one_a_model", "share_of"]

# In which a level loses all but 1/e of itself: of 0.5, 1, 2 and for ever, by likelihood of labs left out.
MEMORY_YEARS = 1.0
_SHARES = tuple(step / 20 for step in range(19))


@dataclass(frozen=True, slots=True)
class Miss:
    """How far a model of a lab lies over a line, and when it came out."""

    lab: str
    released: float
    over: float


@dataclass(frozen=True, slots=True)
class Level:
    """How far the next model of a lab should lie over a line, and the part of the line's variance that is left."""

    over: float
    left: float


def one_a_model(rows: Sequence[tuple[str, Miss]]) -> tuple[Miss, ...]:
    """The mean of each model's misses, where several prices are of one."""
    groups: dict[tuple[str, str], list[Miss]] = {}
    for model, miss in rows:
        groups.setdefault((miss.lab, model), []).append(miss)
    return tuple(
        Miss(
            lab=lab, released=math.fsum(m.released for m in some) / len(some),
            over=math.fsum(m.over for m in some) / len(some),
        )
        for (lab, _), some in groups.items()
    )  # fmt: skip


def _together(days: Any, others: Any) -> Any:
    """How much of a level two days have in common."""
    import numpy as np

    return np.exp(-np.abs(np.subtract.outer(days, others)) / MEMORY_YEARS)


def share_of(misses: Sequence[Miss]) -> float:
    """The share of a variance that is levels of labs, by likelihood."""
    import numpy as np

    labs: dict[str, list[Miss]] = {}
    for miss in misses:
        labs.setdefault(miss.lab, []).append(miss)
    shares = np.array(_SHARES)
    squares, log_det = np.zeros(len(shares)), np.zeros(len(shares))
    for some in labs.values():
        days = np.array([m.released for m in some])
        spread, axes = np.linalg.eigh(_together(days, days))
        along = axes.T @ [m.over for m in some]
        variances = shares[:, None] * spread + (1.0 - shares[:, None])
        squares += (along**2 / variances).sum(axis=1)
        log_det += np.log(variances).sum(axis=1)
    return float(shares[np.argmax(-0.5 * len(misses) * np.log(squares) - 0.5 * log_det)])


def level_of(misses: Sequence[Miss], share: float, released: float) -> Level:
    """The level of a lab at a day from its known models, shrunk; without any, that of a lab that nobody knows."""
    import numpy as np

    if not misses:
        return Level(over=0.0, left=1.0)
    days = np.array([m.released for m in misses])
    across = share * _together(days, released)
    inside = share * _together(days, days) + (1.0 - share) * np.eye(len(days))
    gain = np.linalg.solve(inside, across)
    return Level(over=float(gain @ [m.over for m in misses]), left=float(1.0 - gain @ across))
