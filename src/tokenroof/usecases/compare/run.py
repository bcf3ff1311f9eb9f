"""`compare`: a user's runs beside predictions of the same deployments, by the forecast that `validate` scores."""

import math
from dataclasses import replace

from tokenroof.errors import DataMissing, InputError
from tokenroof.measure.deployments import Deployments
from tokenroof.measure.setups import METRICS
from tokenroof.operators.program import totals
from tokenroof.operators.timing import arithmetic_rate
from tokenroof.scenario.deployment import Deployment
from tokenroof.scenario.layouts import unit_label
from tokenroof.scenario.ranges import LOWER_IS_BETTER
from tokenroof.types.default import Default
from tokenroof.types.program import Load as StepLoad
from tokenroof.types.served import Ranged
from tokenroof.usecases.compare.answer import (  # fmt: skip
    Compared,
    ComparedRun,
    CompareResponse,
    LatencyPoint,
    RoofPoint,
)
from tokenroof.usecases.compare.changes import changes_of
from tokenroof.usecases.compare.hints import hints_of
from tokenroof.usecases.compare.points import Found, Point, points_of
from tokenroof.usecases.compare.request import CompareRequest
from tokenroof.usecases.compare.sentence import load_words, sentence_of, what_of
from tokenroof.usecases.compare.waterfall import tpot_parts, ttft_parts
from tokenroof.usecases.measured.breaches import reason_of
from tokenroof.usecases.measured.predict import Forecaster, in_unit

__all__ = ["CompareRequest", "CompareResponse", "compare", "compared_run", "curve_of"]

_ORDER = ("tpot", "ttft", "ttft_p50", "e2e", "output", "output_per_gpu", "total", "input", "input_per_gpu")
_CURVE = tuple(2.0**power for power in range(11))
_WORST = {"impossible": 0, "slower": 1, "faster": 2, "as predicted": 3}


def _verdict(quantity: str, measured: float, predicted: Ranged) -> str:
    lower = quantity in LOWER_IS_BETTER
    bound = predicted.value if predicted.bound is None else predicted.bound
    if (measured < bound) if lower else (measured > bound):
        return "impossible"
    low, high = (predicted.value if end is None else end for end in (predicted.low, predicted.high))
    if low <= measured <= high:
        return "as predicted"
    return "slower" if (measured > high) == lower else "faster"


def _numbers(point: Point, forecaster: Forecaster) -> tuple[Compared, ...]:
    found = forecaster.quantities(point.setup)
    numbers = []
    for quantity in _ORDER:
        run = point.runs.get(quantity)
        predicted = found.get(quantity)
        if run is None or predicted is None or predicted.value <= 0.0:
            continue
        measured = run.value / METRICS[run.metric][1]
        verdict = _verdict(quantity, measured, predicted)
        numbers.append(
            Compared(quantity=quantity, metric=run.metric, measured=measured, predicted=predicted, verdict=verdict)
        )
    return tuple(numbers)


def _rate(point: Point, replicas: int) -> float | None:
    """Requests a second of one replica, as measured."""
    work = point.setup.workload
    counted = point.setup.counted or work.osl
    output = point.si("output")
    if output is None and (each := point.si("output_per_gpu")) is not None:
        output = each * point.setup.system.n_chips
    if output is not None:
        return output / counted / replicas
    if (total := point.si("total")) is not None:
        return total / (work.isl + work.osl) / replicas
    tpot, ttft, load = point.si("tpot"), point.si("ttft"), point.setup.load
    if load.kind == "concurrency" and tpot is not None and ttft is not None:
        return load.value / (ttft + (counted - 1.0) * tpot) / replicas
    return load.value / replicas if load.kind == "request_rate" else None


def _roof(point: Point, deployment: Deployment) -> RoofPoint:
    """Where the run stands on the roofline of one GPU."""
    work, chip, layout = deployment.workload, deployment.system.chip, deployment.layout
    estimate = deployment.estimate(deployment.load)
    share = max(float(estimate.in_flight) / layout.pp, 1.0)
    counts = totals(deployment.program, decode=StepLoad(share, share, work.context))
    flops = sum(float(n) for n in counts.flops.values())
    moved = float(counts.weight_bytes + counts.kv_read_bytes)
    rates = {key: arithmetic_rate(chip, key) for key in counts.flops}
    busiest = max(counts.flops, key=lambda key: float(counts.flops[key]))
    peak_name, peak = rates[busiest]
    compute_s = sum(float(n) / rates[key][1] for key, n in counts.flops.items())
    tokens, tpot = deployment.tokens_per_step, point.si("tpot")
    prompts = totals(deployment.prompt_timed.program, prefill=StepLoad(work.uncached, 1.0, work.isl))
    prompt_s = sum(float(n) / arithmetic_rate(chip, key)[1] for key, n in prompts.flops.items())
    rate = _rate(point, deployment.replicas)
    request_s = (prompt_s + work.osl / tokens * compute_s / share) / layout.pp
    step_s = float(estimate.tpot_s)
    return RoofPoint(
        intensity=flops / moved, ridge=peak / chip.bytes_per_s, peak_rate=peak_name, peak_flops_per_s=peak,
        bytes_per_s=chip.bytes_per_s, flops_per_s=None if tpot is None else flops / (tpot * tokens),
        predicted_flops_per_s=flops / step_s if math.isfinite(step_s) else 0.0,
        mfu=None if rate is None or deployment.disaggregated else rate * request_s,
        mbu=None if tpot is None else moved / chip.bytes_per_s / (tpot * tokens),
    )  # fmt: skip


def compared_run(point: Point, forecaster: Forecaster) -> ComparedRun | None:
    """One run beside its forecast; None where by our count it does not fit into memory."""
    numbers = _numbers(point, forecaster)
    if not numbers:
        return None
    deployment, _, _ = forecaster.deployments.of(point.setup)
    by_name = {one.quantity: one for one in numbers}
    first, load = point.first, point.setup.load
    made = ComparedRun(
        file=first.file, line=first.line, what=what_of(deployment), load=load_words(load),
        layout_label=unit_label(deployment), load_kind=load.kind,
        load_value=load.value, isl=point.setup.workload.isl, osl=point.setup.workload.osl,
        running=float(deployment.estimate(load).in_flight), numbers=numbers, roofline=_roof(point, deployment),
        tpot_parts=(), ttft_parts=(), deployment=deployment,
    )  # fmt: skip
    broken = next((one for one in numbers if one.verdict == "impossible"), None)
    made = replace(made, verdict=made.main.verdict if broken is None else broken.verdict)
    if broken is not None:
        run = point.runs[broken.quantity]
        bound = in_unit(broken.predicted, METRICS[run.metric][1]).bound
        assert bound is not None
        return replace(made, reason=reason_of(run, bound, point.si("ttft"), forecaster.deployments))
    tpot, ttft = by_name.get("tpot"), by_name.get("ttft") or by_name.get("ttft_p50")
    return replace(
        made,
        tpot_parts=() if tpot is None else tpot_parts(deployment, tpot.measured, tpot.predicted.value, _inside(tpot)),
        ttft_parts=() if ttft is None else ttft_parts(deployment, ttft.measured, ttft.predicted.value, _inside(ttft)),
    )


def _inside(one: Compared) -> bool:
    return one.verdict == "as predicted"


def _curve(point: Point, forecaster: Forecaster) -> tuple[LatencyPoint, ...]:
    """Predicted TPOT and its bound at other numbers of requests at once."""
    if point.setup.load.kind != "concurrency":
        return ()
    found = []
    for at in sorted({*_CURVE, point.setup.load.value}):
        load = replace(point.setup.load, value=at, requests=None)
        quantities = forecaster.quantities(replace(point.setup, load=load))
        if at <= max(4.0 * point.setup.load.value, 256.0) and "tpot" in quantities:
            found.append(LatencyPoint(concurrency=at, tpot=quantities["tpot"]))
    return tuple(found)


def curve_of(request: CompareRequest, file: str, line: int) -> tuple[LatencyPoint, ...]:
    """The curve through one run of the files, by another profile than theirs; none where there is no such run."""
    forecaster = Forecaster(deployments=Deployments(profile=request.profile))
    points = points_of(request, url=request.url).points
    return next((_curve(one, forecaster) for one in points if (one.first.file, one.first.line) == (file, line)), ())


def _badness(run: ComparedRun) -> tuple[int, float]:
    return _WORST[run.verdict], -abs(math.log(run.main.predicted.value / run.main.measured))


def _defaults(found: Found, request: CompareRequest) -> tuple[Default, ...]:
    first = found.points[0]
    kept = []
    if not first.first.kv_dtype:
        kept.append(Default(field="kv_dtype", value=first.setup.layout.kv_dtype or "", reason="as the engine keeps it"))
    if not first.first.weight_dtype:
        kept.append(Default(field="weight_dtype", value="the checkpoint's own", reason="no file says otherwise"))
    if first.setup.load.requests is None and first.setup.load.kind == "concurrency":
        kept.append(Default(field="requests", value="endless", reason="the file does not say how many"))
    if request.profile != "auto":
        kept.append(Default(field="profile", value=request.profile, reason="given"))
    return tuple(kept)


def compare(request: CompareRequest) -> CompareResponse:
    """Every run of the files beside its prediction, the worst first, and where its time goes."""
    found = points_of(request, url=request.url)
    forecaster = Forecaster(deployments=Deployments(profile=request.profile))
    pairs: list[tuple[ComparedRun, Point]] = []
    skipped = dict(found.skipped)
    for point in found.points:
        try:
            made = compared_run(point, forecaster)
        except DataMissing as error:
            skipped[str(error)] = skipped.get(str(error), 0) + 1
            continue
        if made is None:
            reason = "by our count it does not fit into memory"
            skipped[reason] = skipped.get(reason, 0) + 1
        else:
            pairs.append((made, point))
    if not pairs:
        raise InputError("results", "no run", "runs to predict", "; ".join(skipped))
    told = hints_of([run for run, _ in pairs], [point for _, point in pairs])
    pairs.sort(key=lambda pair: _badness(pair[0]))
    worst, point = pairs[0]
    assert worst.deployment is not None
    changes, why = changes_of(worst.deployment, point.setup.model) if request.changes else ((), "")
    if worst.reason:
        changes, why = (), "nothing is concluded from a run that beats the roof"
    runs = tuple(run for run, _ in pairs)
    profile = worst.deployment.profile
    return CompareResponse(
        sentence=sentence_of(runs), runs=runs, hints=told, changes=changes, no_changes=why,
        curve=_curve(point, forecaster), profile=profile.id,
        claim=worst.deployment.claim, n=profile.n, median_error=profile.median_error,
        skipped=tuple(sorted(skipped.items(), key=lambda item: -item[1])), faults=found.faults,
        defaults=_defaults(found, request), notes=profile.notes, read=found.notes,
        counts={name: sum(run.verdict == name for run in runs) for name in _WORST},
    )  # fmt: skip
