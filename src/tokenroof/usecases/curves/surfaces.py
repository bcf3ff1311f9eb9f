"""What requests see, over batch and prompt, as knots: straight lines between them in logarithms, with stated errors.

Scheduling (prompts that ride on steps, wait for each other, take one step more) is too rich to be sent as sums and
maxima: a surface is Python's own numbers at the knots, and knots are added where it bends. First along the batch at the
scenario's own prompt, where jumps are told to the request; then elsewhere.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Surfaces", "surfaces_of"]

Array = NDArray[np.float64]
At = Callable[[Array, Array], Mapping[str, Array]]  # (batches as a column, new tokens as a row) -> numbers
Holds = Callable[[Array, Array], NDArray[np.bool_]]  # whether memory holds it

_WANTED = 0.003  # knots are added until the middles are off by less
_ROUNDS = 9
_MOST_BATCHES, _MOST_PROMPTS = 64, 40
_MOST_OFF = 0.95  # share of the middles that `error_away` stands for


@dataclass(frozen=True, slots=True, kw_only=True)
class Surfaces:
    """`values`: name -> rows, one for each of `batches`, with a number for each of `new_tokens`.

    `new_tokens` are the uncached ones of a prompt: context - osl / 2 - prefix. Between knots the logarithm is bilinear
    in the logarithms of both. `error` is the largest relative difference from the numbers themselves at the scenario's
    own prompt, whole batches that memory holds; `error_away` is what 95 % of the middles between other knots keep to.
    """

    batches: tuple[float, ...]
    new_tokens: tuple[float, ...]
    values: Mapping[str, tuple[tuple[float, ...], ...]]
    error: float
    error_away: float


def _middles(knots: Array) -> Array:
    return np.sqrt(knots[1:] * knots[:-1])


def _whole(batches: Array) -> Array:
    """A batch between each two knots: whole where there is a whole one, else the lower knot itself."""
    middles = np.round(_middles(batches))
    return np.where((middles > batches[:-1]) & (middles < batches[1:]), middles, batches[:-1])


def _off(at: At, holds: Holds, batches: Array, prompts: Array, axis: int) -> Array:
    """Relative errors half way between knots along an axis; 0 for what memory does not hold."""
    found = at(batches[:, None], prompts[None, :])
    knots = batches if axis == 0 else prompts
    there = _whole(batches) if axis == 0 else _middles(prompts)
    share = np.log(there / knots[:-1]) / np.log(knots[1:] / knots[:-1])
    share = share[:, None] if axis == 0 else share[None, :]
    place = (there[:, None], prompts[None, :]) if axis == 0 else (batches[:, None], there[None, :])
    true, held = at(*place), holds(*place)
    worst: Any = 0.0
    for name, values in found.items():
        logs = np.log(values)
        low, high = (logs[:-1], logs[1:]) if axis == 0 else (logs[:, :-1], logs[:, 1:])
        worst = np.maximum(worst, np.abs(np.exp(low * (1.0 - share) + high * share) / true[name] - 1.0))
    return np.where(held, worst, 0.0)


def _with(knots: Array, there: Array, off: Array, most: int) -> Array:
    """Knots and the worst of the places between them, at most `most` in all."""
    room = max(most - len(knots), 0)
    worst = [at for at in np.argsort(-off)[:room] if off[at] > _WANTED]
    return np.unique(np.concatenate([knots, there[worst]]))


def surfaces_of(at: At, holds: Holds, batches: Array, prompts: Array, own: float) -> Surfaces:
    """Surfaces through `at`, finer where they bend and memory holds what is asked; `own` is the scenario's prompt."""
    line = np.array([own])
    for _ in range(_ROUNDS):
        off = _off(at, holds, batches, line, 0)[:, 0]
        finer = _with(batches, _whole(batches), off, _MOST_BATCHES)
        if len(finer) == len(batches):
            break
        batches = finer
    for _ in range(_ROUNDS):
        finer = _with(prompts, _middles(prompts), _off(at, holds, batches, prompts, 1).max(axis=0), _MOST_PROMPTS)
        if len(finer) == len(prompts):
            break
        prompts = finer
    away = np.concatenate([_off(at, holds, batches, prompts, axis).ravel() for axis in (0, 1)])
    away = away[away > 0]  # where memory holds nothing there is nothing to be off
    return Surfaces(
        batches=tuple(map(float, batches)), new_tokens=tuple(map(float, prompts)),
        values={name: tuple(map(_rounded, rows)) for name, rows in at(batches[:, None], prompts[None, :]).items()},
        error=float(_off(at, holds, batches, line, 0).max()),
        error_away=float(np.quantile(away, _MOST_OFF)) if len(away) else 0.0,
    )  # fmt: skip


def _rounded(numbers: Any) -> tuple[float, ...]:
    """Six digits: a hundredth of the error that is allowed."""
    return tuple(float(f"{number:.6g}") for number in numbers)
