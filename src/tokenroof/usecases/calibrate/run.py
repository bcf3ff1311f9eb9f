"""`calibrate`: factors on the shipped profile, fitted to results, with errors on results that were left out."""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tokenroof.catalog.efficiency import engine_tables, kernel_curves, load_profile, profile_source, shipped_serving
from tokenroof.catalog.personal import check_name, profile_folder
from tokenroof.engines import generation_of
from tokenroof.errors import InputError
from tokenroof.files import unwritable
from tokenroof.measure.calibrate import (
    PARAMETERS,
    Fit,
    HeldOutError,
    Observed,
    Problem,
    calibrated_tables,
    fit,
    half_width,
    held_out,
)  # fmt: skip
from tokenroof.measure.profile_files import write_toml
from tokenroof.types.efficiency import Efficiency
from tokenroof.usecases.calibrate.answer import CalibrateRequest, CalibrateResponse, Factor, Fitted, Width
from tokenroof.usecases.calibrate.sentence import sentence_of
from tokenroof.usecases.compare.points import Found, Point, points_of
from tokenroof.usecases.compare.sentence import load_words

__all__ = ["CalibrateRequest", "CalibrateResponse", "calibrate", "observed", "saved"]

_FEWEST = 3
_Z80 = 1.2815515655446004
_KIND = {"tpot": "tpot", "ttft": "ttft", "ttft_p50": "ttft"}
_LEAST_WIDTH = 0.02  # of a range: measurements of one deployment differ by as much from day to day
_RATES = ("output", "output_per_gpu", "total", "input", "input_per_gpu", "e2e")


def observed(points: Sequence[Point]) -> list[Observed]:
    """What is fitted of each point: TPOT and TTFT; a rate where there is no TPOT."""
    found = []
    for at, point in enumerate(points):
        names = [name for name in ("tpot", "ttft") if name in point.runs]
        if "ttft" not in names and "ttft_p50" in point.runs:
            names.append("ttft_p50")
        if "tpot" not in names:
            names += [name for name in _RATES if name in point.runs][:1]
        for name in names:
            value = point.si(name)
            if value is not None and point.runs[name].mode != "decode":
                found.append(Observed(setup=point.setup, quantity=name, value=_as_made(point, name, value), result=at))
    return found


def _as_made(point: Point, name: str, value: float) -> float:
    """A time for each token that the engine made, where the client counted others."""
    counted, made = point.setup.counted, point.setup.workload.osl
    return value if counted is None or name != "tpot" else value * (counted - 1.0) / (made - 1.0)


def _checked(found: Found) -> tuple[tuple[Point, ...], str, str]:
    """The points that can be fitted together, with the engine's generation and the chip's family."""
    kept = tuple(one for one in found.points if one.setup.prefill is None and one.setup.generation in _timed())
    if not kept:
        raise InputError("results", "none", "runs with prompts and answers on the same GPUs")
    engines = sorted({one.setup.generation for one in kept})
    families = sorted({profile_source(one.setup.system.chip)[1] for one in kept})
    for name, several in (("engine", engines), ("system", families)):
        if len(several) > 1:
            fix = "calibrate the files of each by themselves"
            raise InputError(name, ", ".join(several), "one engine and one chip family for all results", fix)
    if len(kept) < _FEWEST:
        raise InputError("results", f"{len(kept)} runs", f"at least {_FEWEST} runs", "a sweep over concurrency will do")
    return kept, engines[0], families[0]


def _timed() -> frozenset[str]:
    return frozenset(shipped_serving()["engines"])


def _metric(quantity: str) -> str:
    return _KIND.get(quantity, "throughput")


def _median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def _share(logs: Sequence[float]) -> float:
    """Median absolute error, as a share of the measurement, of ln(predicted / measured)."""
    return _median([abs(math.expm1(one)) for one in logs])


def _whole_requests(points: Sequence[Point], parts: Iterable[tuple[int, str, float]]) -> list[float]:
    """Errors of E2E, from those of TTFT and TPOT (result, quantity, error): throughput in a closed loop errs as its
    inverse.
    """
    by: dict[int, dict[str, float]] = {}
    for result, name, error in parts:
        by.setdefault(result, {})[_metric(name)] = error
    found = []
    for at, errors in by.items():
        point = points[at]
        tpot, ttft = point.si("tpot"), point.si("ttft") or point.si("ttft_p50")
        if tpot is None or ttft is None or not {"tpot", "ttft"} <= errors.keys():
            continue
        answer = (point.setup.workload.osl - 1.0) * tpot
        predicted = ttft * math.exp(errors["ttft"]) + answer * math.exp(errors["tpot"])
        found.append(math.log(predicted / (ttft + answer)))
    return found


def _widths(
    found: Fit, problem: Problem, left: Sequence[HeldOutError], points: Sequence[Point], shipped: Efficiency
) -> tuple[Width, ...]:
    near = found.near.predict(found.point) - found.target
    rows = []
    for metric in ("tpot", "ttft", "throughput"):
        at = [i for i, case in enumerate(problem.cases) if _metric(case.quantity) == metric and found.weight[i] > 0.0]
        errors = [one.value for one in left if _metric(one.quantity) == metric]
        seen = [float(near[i]) for i in at]
        was = [float(found.shipped[i] - found.target[i]) for i in at]
        if metric == "throughput" and not at:  # no rate was measured
            fitted = [i for i in range(len(problem.cases)) if found.weight[i] > 0.0]
            named = [(int(problem.cases[i].set), problem.cases[i].quantity) for i in fitted]
            errors = _whole_requests(points, [(one.result, one.quantity, one.value) for one in left])
            seen = _whole_requests(points, [(*name, float(near[i])) for i, name in zip(fitted, named, strict=True)])
            before_fit = [float(found.shipped[i] - found.target[i]) for i in fitted]
            was = _whole_requests(points, [(*name, error) for name, error in zip(named, before_fit, strict=True)])
        own = half_width(seen) if seen else None
        width = half_width(errors)
        width = width if width is None or own is None else max(width, own)
        before = shipped.spread.get(metric, 0.0)
        if not seen:
            continue
        rows.append(
            Width(
                metric=metric, n=len(seen), shipped_error=_share(was), fitted_error=_share(seen),
                held_out_error=_share(errors) if errors else None, shipped_width=before,
                width=before if width is None else max(width, _LEAST_WIDTH),
            )
        )  # fmt: skip
    return tuple(rows)


def _factors(found: Fit) -> tuple[Factor, ...]:
    rows = []
    for at, (name, one) in enumerate(PARAMETERS.items()):
        moved = name in found.moved
        value, sd = float(found.point[at]), math.sqrt(float(found.covariance[at, at])) if moved else one.width
        rows.append(
            Factor(
                name=name, level=one.level, words=one.words, value=math.exp(value), low=math.exp(value - _Z80 * sd),
                high=math.exp(value + _Z80 * sd), prior_low=math.exp(-_Z80 * one.width),
                prior_high=math.exp(_Z80 * one.width), moved=moved,
            )
        )  # fmt: skip
    return tuple(rows)


def _rows(points: Sequence[Point], problem: Problem, found: Fit, left: Sequence[HeldOutError]) -> tuple[Fitted, ...]:
    unseen = {(one.result, one.quantity): one.value for one in left}
    fitted = found.near.predict(found.point)
    rows = []
    for at, case in enumerate(problem.cases):
        point = points[int(case.set)]
        error = unseen.get((int(case.set), case.quantity))
        if found.weight[at] > 0.0:
            rows.append(
                Fitted(
                    file=point.first.file, line=point.first.line, load=load_words(point.setup.load),
                    quantity=case.quantity, measured=case.value, shipped=math.exp(float(found.shipped[at])),
                    calibrated=math.exp(float(fitted[at])),
                    held_out=None if error is None else case.value * math.exp(error),
                )
            )  # fmt: skip
    return tuple(rows)


def _tables(
    request: CalibrateRequest, points: Sequence[Point], engine: str, family: str, found: Fit, widths: Sequence[Width]
) -> dict[str, Any]:
    """The file: a serving file of one family and one engine, and what it was calibrated on."""
    chips = sorted({one.setup.system.chip.id for one in points})
    factors, host = engine_tables(shipped_serving(), family, engine)
    curves, _ = kernel_curves(points[0].setup.system.chip)
    kinds = sorted({key.split(".")[0] for key in curves})
    values = {name: math.exp(float(log)) for name, log in zip(PARAMETERS, found.point, strict=True)}
    inside, times = calibrated_tables(factors, host, kinds, values)
    inside.pop(f"host.{engine}", None)  # it is in the host time by now
    spread = {one.metric: one.width for one in widths}
    errors = {one.metric: one.held_out_error for one in widths if one.held_out_error is not None}
    experts = any(one.setup.model.has_experts for one in points)
    tables: dict[str, Any] = {
        "source": f"calibrated on {', '.join(sorted({Path(one.first.file).name for one in points}))}",
        "grade": "fitted", "n": len(points),
    }  # fmt: skip
    if request.as_of:
        tables["as_of"] = request.as_of
    if "tpot" in errors:
        tables["median_error"] = errors["tpot"]
    return tables | {
        "held_out": errors,
        "engines": {engine: times},
        "in_engine": {family: inside},
        "spread": {family: spread} if experts else {},
        "spread_dense": {} if experts else {family: spread},
        "calibrated": {
            "chips": chips, "systems": sorted({_machine(one) for one in points}),
            "models": sorted({one.setup.model.id for one in points}), "results": [one.mark for one in points],
            "noise": found.noise,
            "moved": list(found.moved), "factors": {name: value for name, value in values.items() if value != 1.0},
        },
    }  # fmt: skip


def _machine(point: Point) -> str:
    """`4xh100`: the GPUs of one deployment."""
    system = point.setup.system
    return f"{system.n_chips}x{system.chip.id}" if system.n_chips > 1 else system.chip.id


def saved(save: str | None, tables: Mapping[str, Any]) -> str:
    """Write a profile under a name or to a file; where it lies."""
    if save is None:
        return ""
    if save.endswith(".toml"):
        path = Path(save).expanduser()
        if not path.resolve().parent.is_dir():
            raise InputError("save", save, "in a directory that exists", f"make {path.resolve().parent} first")
    else:
        path = profile_folder() / f"{check_name(save)}.toml"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(path, error) from None
    write_toml(path, tables, "A profile of one's own, written by `tokenroof calibrate`.")
    return str(path)


def _kept(found: Fit, left: Sequence[HeldOutError]) -> str:
    """Why nothing is calibrated: results left out, all metrics of them taken together, are predicted no better.

    One set of factors makes every metric, so that it is taken or left as a whole; `Width.worse` names what it worsens.
    """
    if not found.moved:
        return "the results move no parameter"
    return "results left out are predicted better by it, all metrics taken together" if found.worse(left) else ""


def calibrate(request: CalibrateRequest) -> CalibrateResponse:
    """Fit, leave results out one by one, and save where a name is given."""
    if request.save is not None and not request.save.endswith(".toml"):
        check_name(request.save)
    read = points_of(request)
    points, engine, family = _checked(read)
    problem = Problem.of(observed(points))
    found = fit(problem)
    left = held_out(problem, found)
    first = points[0].setup
    version = generation_of(first.engine, engine).version
    shipped = load_profile(first.system.chip, first.engine, version, experts=first.model.has_experts)
    widths = _widths(found, problem, left, points, shipped)
    kept, factors = _kept(found, left), _factors(found)
    tables = _tables(request, points, engine, family, found, widths)
    skipped = dict(read.skipped)
    apart = len(read.points) - len(points)
    if apart:
        skipped["prompts on GPUs of their own, or an engine without host times"] = apart
    unfit = int((found.weight == 0.0).sum())
    if unfit:
        skipped["by our count it does not fit into memory"] = unfit
    if kept and request.save is not None:
        raise InputError("save", request.save, "left out", f"nothing to save: {kept}")
    return CalibrateResponse(
        sentence=sentence_of(len(points), widths, factors, kept), engine=engine, family=family,
        chips=tuple(tables["calibrated"]["chips"]), models=tuple(tables["calibrated"]["models"]), results=len(points),
        noise=found.noise, factors=factors, widths=widths, rows=_rows(points, problem, found, left), kept=kept,
        saved=saved(request.save, tables), skipped=tuple(sorted(skipped.items(), key=lambda item: -item[1])),
        notes=read.notes, tables=tables,
    )  # fmt: skip
