"""How far two deployments of one machine err apart: part of a prediction's error is shared by all layouts of a model.

Pairs of runs with the same model, chip, engine and workload are both predicted by a fit that saw neither; the
difference of their log residuals is what a comparison of the two errs by. Widths are tried on models and chips whose
pairs they were not taken from.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from tokenroof.measure.fit_runs import Case
from tokenroof.measure.held_out import Residual
from tokenroof.measure.robust import weighted_quantile
from tokenroof.types.dtype import dtype

__all__ = ["Pair", "PairSpread", "pair_spreads", "pairs_of"]

_FEWEST = 20


@dataclass(frozen=True, slots=True)
class Pair:
    """Two runs under one workload: `kind` says in what they differ, `value` by how much their log residuals do."""

    kind: str
    one: Residual
    value: float

    @property
    def group(self) -> tuple[str, str]:
        """What has a width of its own: kind and metric."""
        return self.kind, self.one.metric


@dataclass(frozen=True, slots=True, kw_only=True)
class PairSpread:
    """The width that holds 80 % of the differences, of so many pairs, and the share held where width and pairs are of
    different models (or chips); None where no other has pairs enough.
    """

    kind: str
    metric: str
    width: float
    n: int
    held: float | None


def _workload(one: Residual) -> Any:
    """All that a pair has to share."""
    case, setup = one.case, one.case.setup
    return (
        one.left_out, case.set, case.model, case.chip, setup.generation, setup.workload, setup.load, setup.scheduler,
        case.metric,
    )  # fmt: skip


def _formats(one: Residual) -> tuple[str, ...]:
    """Of what is large: linear layers, experts and cache."""
    setup = one.case.setup
    weights = setup.layout.weights or setup.model.weights
    return weights.attention, weights.dense, weights.experts, setup.layout.kv_dtype or setup.model.kv_dtype


def _native(one: Residual) -> bool:
    """Whether the chip multiplies in all of these formats: plans offer no others."""
    rates = one.case.setup.system.chip.flops_per_s
    return all(dtype(name).rate_key in rates for name in _formats(one))


def _kind(first: Residual, second: Residual) -> str:
    """`formats` where these differ, `layouts` where only degrees do, nothing where neither does."""
    if _formats(first) != _formats(second):
        return "formats"
    a, b = first.case.setup.layout, second.case.setup.layout
    return "layouts" if (a.tp, a.pp, a.ep, a.dp, a.cp, a.dcp) != (b.tp, b.pp, b.ep, b.dp, b.cp, b.dcp) else ""


def pairs_of(residuals: Iterable[Residual]) -> Iterator[Pair]:
    """Every pair of deployments under one workload."""
    alike: dict[Any, list[Residual]] = {}
    for one in filter(_native, residuals):
        alike.setdefault(_workload(one), []).append(one)
    for members in alike.values():
        for first, second in combinations(members, 2):
            kind = _kind(first, second)
            if kind:
                yield Pair(kind, first, first.value - second.value)


def _width(pairs: Sequence[Pair], share: float) -> float | None:
    """What is left out weighs by its root size, as in the ranges; too few pairs state no width."""
    if len(pairs) < _FEWEST:
        return None
    sizes: dict[tuple[str, str], int] = {}
    for pair in pairs:
        key = pair.one.left_out, pair.one.case.set
        sizes[key] = sizes.get(key, 0) + 1
    weights = [1.0 / math.sqrt(sizes[pair.one.left_out, pair.one.case.set]) for pair in pairs]
    return float(weighted_quantile([abs(pair.value) for pair in pairs], weights, share))


def _held(pairs: Mapping[str, Sequence[Pair]], keys: Mapping[str, Callable[[Case], str]], share: float) -> float | None:
    """Of pairs by what was left out (model, chip) the share inside the width of all groups but their own."""
    everything = [pair for part in pairs.values() for pair in part]
    inside: list[bool] = []
    for kind, part in pairs.items():
        for name in sorted({pair.one.left_out for pair in part}):
            width = _width([pair for pair in everything if keys[kind](pair.one.case) != name], share)
            if width is not None:
                inside += [abs(pair.value) <= width for pair in part if pair.one.left_out == name]
    return sum(inside) / len(inside) if inside else None


def pair_spreads(
    left: Mapping[str, Sequence[Residual]], keys: Mapping[str, Callable[[Case], str]], share: float = 0.8
) -> tuple[PairSpread, ...]:
    """From residuals by what was left out (`keys` name it): widths of each group of pairs that has 20 or more."""
    found: dict[tuple[str, str], dict[str, list[Pair]]] = {}
    for by, residuals in left.items():
        for pair in pairs_of(residuals):
            found.setdefault(pair.group, {}).setdefault(by, []).append(pair)
    table = []
    for (kind, metric), pairs in sorted(found.items()):
        everything = [pair for part in pairs.values() for pair in part]
        width = _width(everything, share)
        if width is not None:
            held = _held(pairs, keys, share)
            table.append(PairSpread(kind=kind, metric=metric, width=width, n=len(everything), held=held))
    return tuple(table)
