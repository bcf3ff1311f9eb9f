"""Refits every efficiency profile: kernels first, then what engines add, then how far off that is on unseen runs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenroof.catalog import load_chip
from tokenroof.catalog.efficiency import FOLDER, kernel_curves, profile_families
from tokenroof.errors import InputError
from tokenroof.measure.constants import PRIORS, profile_tables
from tokenroof.measure.fit_links import fit_collectives
from tokenroof.measure.fit_ops import FittedCurve, fit_curves
from tokenroof.measure.fit_runs import Case, fit_groups, group_cases, linearise, predict_groups
from tokenroof.measure.fit_select import SETS, read_cases
from tokenroof.measure.held_out import (
    RANGES_FROM,
    GroupCoverage,
    HeldOut,
    RangeCoverage,
    Residual,
    coverage,
    coverage_by_deployment,
    leave_out,
    spreads,
    summarise,
)
from tokenroof.measure.ops_data import read_collectives, read_kernels
from tokenroof.measure.paired import PairSpread, pair_spreads
from tokenroof.measure.profile_build import chip_tables
from tokenroof.measure.profile_files import write_toml

__all__ = ["FitRequest", "FitResponse", "fit_profiles"]

_KERNELS = "kernel timings of TensorRT-LLM, vLLM and SGLang in aiconfigurator (NVIDIA, Apache-2.0)"
_RUNS = "joint fit of public serving, batch and offline runs; see docs/theory/serving.md"
_SHARED = ("ampere", "hopper", "blackwell")


@dataclass(frozen=True, slots=True, kw_only=True)
class FitRequest:
    """Folders of kernel timings and of runs (either may be left out), date to write, where to write."""

    ops: Path | None = None
    runs: Path | None = None
    output: Path | None = None
    as_of: str = "2026-11-25"
    cross_validate: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class FitResponse:
    """What was fitted: curves by chip, constants with their priors, errors in sample and on what was left out.

    `spread` holds half-widths of the 80 % range by kind of model, family and metric; `coverage` how often they hold;
    `pairs` how far two deployments of one machine err apart, `deployments` how often ranges hold in each.
    """

    curves: Mapping[str, Mapping[str, FittedCurve]]
    constants: Mapping[str, float]
    priors: Mapping[str, float]
    n: int
    in_sample: tuple[HeldOut, ...]
    without_model: tuple[HeldOut, ...]
    without_chip: tuple[HeldOut, ...]
    without_source: tuple[HeldOut, ...]
    spread: Mapping[str, Mapping[str, Mapping[str, float]]]
    pairs: tuple[PairSpread, ...]
    coverage: tuple[RangeCoverage, ...]
    deployments: tuple[GroupCoverage, ...]
    written: tuple[str, ...]


Progress = Callable[[str], None] | None


def _relatives(chip: str, among: Mapping[str, Any], families: Mapping[str, str]) -> list[str]:
    return [other for other in among if families[other] == families[chip]]


def _fit_kernels(request: FitRequest, folder: Path, families: Mapping[str, str], progress: Progress) -> Any:
    assert request.ops is not None
    curves = fit_curves(read_kernels(request.ops, progress), families, progress)
    collectives = fit_collectives(read_collectives(request.ops))
    written = []
    for name in curves:
        members = [chip for chip in collectives if families[chip] == name]
        chip = name if name in collectives else members[0]
        source = _KERNELS + (f", all of {', '.join(members)}" if members else "")
        # a line that was not timed on this chip is that of a relative on which it was
        timed = {key: one for member in (*reversed(_relatives(chip, collectives, families)), chip)
                 for key, one in collectives[member].items()}  # fmt: skip
        tables = chip_tables(curves[name], timed, families.get(name, name), load_chip(chip))
        path = folder / f"{name}.toml"
        write_toml(path, {"id": name, "source": source, "as_of": request.as_of, "grade": "fitted", **tables})
        written.append(str(path))
    return curves, written


def _serving_tables(
    request: FitRequest,
    values: Mapping[str, float],
    n: int,
    held: Any,
    spread: Any,
    pairs: tuple[PairSpread, ...],
    covered: tuple[RangeCoverage, ...],
) -> dict[str, Any]:
    families = (*_SHARED, "cdna3", "cdna4")
    engines = [name.removeprefix("host.") for name in PRIORS if name.startswith("host.") and not name.endswith(".amd")]
    factors = {family: profile_tables(values, family, engines[0], in_place=False)[0] for family in families}
    factors["all"] = profile_tables(values, "", engines[0])[0]
    return {
        "source": _RUNS,
        "as_of": request.as_of,
        "grade": "fitted",
        "n": n,
        "held_out": held,
        "engines": {name: profile_tables(values, "hopper", name)[1] for name in engines},
        "in_engine": factors,
        "spread": spread["experts"],
        "spread_dense": spread["dense"],
        "pairs": {f"{one.kind}.{one.metric}": _pair_table(one) for one in pairs},
        "coverage": {f"{one.left}.{one.metric}": one.share for one in covered if one.experts is None},
    }


def _pair_table(one: PairSpread) -> dict[str, float]:
    held = {} if one.held is None else {"held": one.held}
    return {"width": one.width, "n": one.n, **held}


def _residuals(cases: list[Case], kernels: Any, point: Any) -> list[Residual]:
    import math

    groups = group_cases(cases, kernels)
    logs = predict_groups(groups, point)[0]
    order = [case for group in groups for case in group.cases]
    return [
        Residual(case, "", float(log) - math.log(case.value))
        for case, log in zip(order, logs, strict=True)
        if math.isfinite(log)
    ]


def _chip(case: Case) -> str:
    """Memory sizes of one chip are one chip."""
    return case.chip.removesuffix("-40")


def fit_profiles(request: FitRequest, progress: Progress = None) -> FitResponse:
    """Fit, cross-validate and write. Without `output` the catalogue's own files are rewritten."""
    import numpy as np

    for name, folder in (("ops", request.ops), ("runs", request.runs)):
        if folder is not None and not folder.is_dir():
            raise InputError(name, str(folder), "an existing folder")
    if request.ops is None and request.runs is None:
        raise InputError("ops", ..., "a folder of kernel timings", "or give `runs`, or both")
    target = request.output or FOLDER
    target.mkdir(parents=True, exist_ok=True)
    families = profile_families()
    curves: Mapping[str, Mapping[str, FittedCurve]] = {}
    written: list[str] = []
    if request.ops is not None:
        curves, written = _fit_kernels(request, target, families, progress)
    if request.runs is None:
        return FitResponse(
            curves=curves, constants={}, priors={}, n=0, in_sample=(), without_model=(), without_chip=(),
            without_source=(), spread={}, pairs=(), coverage=(), deployments=(), written=tuple(written),
        )  # fmt: skip

    def kernels(chip: str) -> Any:
        return kernel_curves(load_chip(chip), target if request.ops is not None else FOLDER)

    cases = list(read_cases(request.runs, progress))
    if not cases:
        fix = f"files are {', '.join(SETS)}, each .csv; `validate` says which rows of a table cannot be used, and why"
        raise InputError("runs", str(request.runs), "a folder with measurements that a fit can use", fix)
    groups = group_cases(cases, kernels)
    point = fit_groups(groups, progress=progress)
    values = {name: float(np.exp(log)) for name, log in zip(PRIORS, point, strict=True)}
    keys: dict[str, Callable[[Case], str]] = {
        "model": lambda case: case.model, "chip": _chip, "source": lambda case: case.set,
    }  # fmt: skip
    left: dict[str, list[Residual]] = {kind: [] for kind in keys}
    if request.cross_validate:
        ordered, near = linearise(groups, point)
        left = {kind: list(leave_out(ordered, near, key, kernels, progress)) for kind, key in keys.items()}
    tested = [one for kind in RANGES_FROM for one in left[kind]] or _residuals(cases, kernels, point)
    widths = spreads(tested)
    spread = {"experts": widths[True], "dense": widths[False]}
    pairs = pair_spreads({kind: left[kind] for kind in RANGES_FROM}, keys)
    covered = coverage(left, keys)
    held = {one.metric: one.median_error for one in summarise(tested) if one.set == "all"}
    path = target / "serving.toml"
    write_toml(path, _serving_tables(request, values, len(cases), held, spread, pairs, covered))
    return FitResponse(
        curves=curves, constants=values, priors={name: one.value for name, one in PRIORS.items()}, n=len(cases),
        in_sample=summarise(_residuals(cases, kernels, point)), without_model=summarise(left["model"]),
        without_chip=summarise(left["chip"]), without_source=summarise(left["source"]), spread=spread, pairs=pairs,
        coverage=covered, deployments=coverage_by_deployment(left), written=(*written, str(path)),
    )  # fmt: skip
