"""Fits one curve per chip, kind of operator and format to kernel timings: a fixed time and two shares of the datasheet.

The form is fixed per kind, chosen by what carries over to shapes and chips left out: a matmul's arithmetic and memory
overlap for the most part, those of prefill attention hardly. Nothing else earned a parameter.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tokenroof.catalog import load_chip
from tokenroof.measure.ops_data import KernelRow
from tokenroof.measure.robust import solve
from tokenroof.operators.timing import arithmetic_rate

__all__ = ["OWN_KINDS", "SHARPNESS", "FittedCurve", "fit_curves"]

Array = Any

# kind -> sharpness of the norm; infinite is the larger of arithmetic and memory, 1 their sum
SHARPNESS = {
    "gemm": 2.0, "attention_decode": float("inf"), "mla_decode": float("inf"),
    "attention_prefill": 1.0, "mla_context": 1.0, "grouped_gemm": 4.0, "mla_sparse_decode": float("inf"),
    "indexer_decode": float("inf"),
}  # fmt: skip
_PADDING_ROWS = 24.0  # of experts' kernels, while they are fitted; the runs then move it
# What to expect of a kind before its timings are seen: fixed time, share of arithmetic, share of bandwidth, and the
# widths of their logarithms.
_PRIORS: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "gemm": ((6e-6, 0.65, 0.80), (0.5, 0.3, 0.15)),
    "grouped_gemm": ((28e-6, 0.50, 0.88), (0.3, 0.06, 0.10)),
    "attention_decode": ((12e-6, 0.65, 0.82), (0.4, 0.3, 0.15)),
    "mla_decode": ((12e-6, 0.65, 0.78), (0.4, 0.3, 0.15)),
    "mla_sparse_decode": ((40e-6, 0.50, 0.50), (0.5, 0.4, 0.4)),
    "indexer_decode": ((5e-6, 0.50, 0.60), (0.5, 0.4, 0.4)),
    "attention_prefill": ((13e-6, 0.60, 0.40), (0.4, 0.25, 0.4)),
    "mla_context": ((17e-6, 0.55, 0.40), (0.4, 0.25, 0.4)),
}
# How far a format may lie from its kind in the same family of chips, and a chip from its family: bandwidth belongs to
# the memory, so it hardly depends on the format.
_FORMAT_WIDTH = (0.3, 0.25, 0.05)
_CHIP_WIDTH = (0.15, 0.10, 0.05)
# Engines bring attention kernels of their own. How far those of one may lie from what all do on the same chips.
OWN_KINDS = ("attention_decode", "attention_prefill")
_OWN_WIDTH = (0.4, 0.3, 0.15)
_MOST_ROWS = 800
_FEWEST_ROWS = 30
# Neighbours on a grid of sizes err together, and an engine runs kernels under other conditions than a benchmark: a
# table is worth so many independent timings.
_INDEPENDENT = 12.0
_DELTA, _SIGMA = 1.0, 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedCurve:
    """A curve with its evidence: rows, median absolute error on them, and on shapes left out of the fit."""

    fixed_s: float
    flops_share: float
    bytes_share: float
    sharpness: float
    n: int
    median_error: float
    held_out_error: float


@dataclass(frozen=True, slots=True)
class _Prior:
    """Logarithms of fixed time and shares, and how far they may be wrong."""

    point: Any
    width: Any


@dataclass(frozen=True, slots=True)
class _Data:
    compute_s: Array
    memory_s: Array
    seconds: Array
    sites: Array


def _data(rows: Sequence[KernelRow]) -> _Data:
    """Times at the datasheet's rates, so that rows of several chips and formats can be fitted together."""
    import numpy as np

    peaks = {
        (row.chip, row.rate): (arithmetic_rate(load_chip(row.chip), row.rate)[1], load_chip(row.chip).bytes_per_s)
        for row in rows
    }
    rates = [peaks[row.chip, row.rate] for row in rows]
    flops = np.array([row.flops + _PADDING_ROWS * row.groups * row.flops_per_row for row in rows])
    return _Data(
        flops / np.array([peak for peak, _ in rates]),
        np.array([row.bytes for row in rows]) / np.array([speed for _, speed in rates]),
        np.array([row.seconds for row in rows]),
        np.array([row.site for row in rows]),
    )


def _predict(points: Array, data: _Data, sharpness: float) -> Array:
    """ln seconds: trials x rows."""
    import numpy as np

    fixed, compute, memory = (np.exp(np.atleast_2d(points)[:, at])[:, None] for at in range(3))
    a = data.compute_s / np.minimum(compute, 1.0)
    b = data.memory_s / np.minimum(memory, 1.0)
    larger = np.maximum(a, b)
    if sharpness == float("inf"):
        return np.log(fixed + larger)
    if sharpness == 1.0:
        return np.log(fixed + a + b)
    return np.log(fixed + larger * (1.0 + (np.minimum(a, b) / larger) ** sharpness) ** (1.0 / sharpness))


def _solve(data: _Data, prior: _Prior, sharpness: float) -> Array:
    import numpy as np

    weight = np.full(len(data.seconds), min(1.0, _INDEPENDENT / len(data.seconds)))
    found = solve(
        lambda points: _predict(points, data, sharpness), np.log(data.seconds), _SIGMA, prior=np.array(prior.point),
        width=np.array(prior.width), weight=weight, delta=_DELTA, steps=30,
    ).x  # fmt: skip
    return np.minimum(found, [np.inf, 0.0, 0.0])


def _part(data: _Data, chosen: Array) -> _Data:
    return _Data(data.compute_s[chosen], data.memory_s[chosen], data.seconds[chosen], data.sites[chosen])


def _error(point: Array, data: _Data, sharpness: float) -> float:
    import numpy as np

    return float(np.median(np.abs(np.exp(_predict(point, data, sharpness)[0]) / data.seconds - 1.0)))


def _sampled(rows: Sequence[KernelRow], most: int) -> Sequence[KernelRow]:
    """Evenly spaced rows in order of their time, so that every size is there."""
    ordered = sorted(rows, key=lambda row: (row.seconds, row.flops, row.bytes))
    if len(ordered) <= most:
        return ordered
    return [ordered[int(at * len(ordered) / most)] for at in range(most)]


def _fit(rows: Sequence[KernelRow], prior: _Prior, sharpness: float) -> tuple[FittedCurve, Array]:
    import numpy as np

    data = _data(_sampled(rows, _MOST_ROWS))
    point = _solve(data, prior, sharpness)
    names = sorted(set(data.sites))
    held = []
    for fold in range(3):
        left_out = np.isin(data.sites, names[fold::3])
        if left_out.any() and not left_out.all():
            held.append(_error(_solve(_part(data, ~left_out), prior, sharpness), _part(data, left_out), sharpness))
    fixed, compute, memory = (float(value) for value in np.exp(point))
    curve = FittedCurve(
        fixed_s=fixed, flops_share=compute, bytes_share=memory, sharpness=sharpness, n=len(data.seconds),
        median_error=_error(point, data, sharpness), held_out_error=float(np.mean(held)) if held else float("nan"),
    )  # fmt: skip
    return curve, point


def _key(row: KernelRow) -> str:
    return f"{row.kind}.{row.format}" if row.format else row.kind


def _by_engine(rows: Iterable[KernelRow]) -> dict[str, list[KernelRow]]:
    found: dict[str, list[KernelRow]] = {}
    for row in rows:
        if row.own:
            found.setdefault(row.engine, []).append(row)
    return {engine: own for engine, own in sorted(found.items()) if len(own) >= _FEWEST_ROWS}


def fit_curves(
    rows: Iterable[KernelRow], families: Mapping[str, str], progress: Callable[[str], None] | None = None
) -> dict[str, dict[str, FittedCurve]]:
    """chip or family -> "kind.format" -> curve, each shrunk toward the next wider circle: family, kind, any kernel.

    "engine/kind.format" is an engine's own. `families` maps chips to their families.
    """
    import numpy as np

    by_kind: dict[tuple[str, str], list[KernelRow]] = {}
    for row in rows:
        by_kind.setdefault((families[row.chip], row.kind), []).append(row)
    curves: dict[str, dict[str, FittedCurve]] = {}
    for (family, kind), members in sorted(by_kind.items()):
        values, widths = _PRIORS[kind]
        sharpness = SHARPNESS[kind]
        base = _fit([row for row in members if row.shared], _Prior(np.log(values), widths), sharpness)[1]
        for key in sorted({_key(row) for row in members}):
            of_format = [row for row in members if _key(row) == key and row.shared]
            if len(of_format) < _FEWEST_ROWS:
                continue
            curves.setdefault(family, {})[key], point = _fit(of_format, _Prior(base, _FORMAT_WIDTH), sharpness)
            for chip in sorted({row.chip for row in of_format}):
                own = [row for row in of_format if row.chip == chip]
                if len(own) >= _FEWEST_ROWS:
                    curves.setdefault(chip, {})[key] = _fit(own, _Prior(point, _CHIP_WIDTH), sharpness)[0]
                    if progress is not None:
                        progress(_line(chip, key, curves[chip][key]))
            if kind not in OWN_KINDS:
                continue
            for engine, own in _by_engine(row for row in members if _key(row) == key).items():
                name = f"{engine}/{key}"
                curves[family][name], mine = _fit(own, _Prior(point, _OWN_WIDTH), sharpness)
                for chip in sorted({row.chip for row in own} & set(curves)):
                    here = [row for row in own if row.chip == chip]
                    if len(here) >= _FEWEST_ROWS:
                        curves[chip][name] = _fit(here, _Prior(mine, _OWN_WIDTH), sharpness)[0]
                        if progress is not None:
                            progress(_line(chip, name, curves[chip][name]))
    return curves


def _line(chip: str, key: str, one: FittedCurve) -> str:
    return (
        f"{chip:13} {key:26} {one.fixed_s * 1e6:6.1f} us {one.flops_share:.3f} {one.bytes_share:.3f}  "
        f"error {one.median_error:.3f}, held-out shapes {one.held_out_error:.3f}"
    )
