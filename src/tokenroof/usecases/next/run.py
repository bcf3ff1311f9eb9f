"""`next`: what to measure so that a question is settled for the fewest GPU-minutes, and what results have settled."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from statistics import NormalDist
from typing import Any

from tokenroof.catalog.personal import calibrated_on
from tokenroof.catalog.profile import EFFICIENCIES
from tokenroof.errors import InputError
from tokenroof.measure.calibrate import Observed, Problem
from tokenroof.measure.design import Belief, believed
from tokenroof.scenario.deployment import Deployment
from tokenroof.scenario.layouts import unit_label
from tokenroof.scenario.resolve import resolve
from tokenroof.types.benchmark import Deployed
from tokenroof.types.limits import faults_of
from tokenroof.types.scenario import Scenario, scenario_faults
from tokenroof.types.served import Ranged
from tokenroof.types.workload import Load
from tokenroof.usecases.calibrate.run import observed
from tokenroof.usecases.compare.points import Found, points_of
from tokenroof.usecases.compare.sentence import load_words
from tokenroof.usecases.next.answer import Answered, NextRequest, NextResponse, NextRun
from tokenroof.usecases.next.candidates import Run, command_of, runs_of, setup_of
from tokenroof.usecases.runs.request import Told

__all__ = ["NextRequest", "NextResponse", "next_runs"]

_Z80 = 1.2815515655446004
_SETTLED = 0.9  # of yes or no
_NARROW = 1.1  # of a number: within a tenth
_NAMES = {"tpot": "TPOT", "ttft": "TTFT", "output": "output throughput"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """Rows that make up the answer with their weights, the limit on it, and how it reads."""

    kind: str
    asked: str
    metric: str
    unit: str
    rows: tuple[Observed, ...]
    weights: tuple[float, ...]
    limit: float | None
    read: Callable[[float], float]


def _held(deployment: Deployment) -> float:
    """Requests at once in one replica under the scenario's load."""
    found = deployment.serve()
    if not found.fits:
        raise InputError("scenario", deployment.model.id, "one that fits", "ask analyze what would")
    return max(found.concurrency / deployment.replicas, 1.0)


def _row(deployment: Deployment, quantity: str, held: float) -> Observed:
    load = Load(kind="concurrency", value=held)
    work = deployment.workload
    return Observed(setup=setup_of(deployment, load, work.isl, work.osl), quantity=quantity, value=1.0, result=0)


def _slo(deployment: Deployment) -> _Question:
    """The limit that is met least surely."""
    limits, held = deployment.limits, _held(deployment)
    found = deployment.serve()
    open_ = [
        (abs(math.log(limit / value)), name, limit)
        for name, limit, value in (("tpot", limits.tpot_s, found.tpot_s), ("ttft", limits.ttft_s, found.ttft_s))
        if limit is not None
    ]
    if not open_:
        raise InputError("slo", ..., "a limit on latency", "give `slo`, `ttft` or `tpot`")
    _, name, limit = min(open_)
    asked = f"does {unit_label(deployment)} keep its {_NAMES[name]} limit with {held:,.0f} at once in a replica"
    rows = (_row(deployment, name, held),)
    return _Question(
        kind="slo", asked=asked, metric=name, unit="s", rows=rows, weights=(1.0,), limit=limit, read=lambda value: value
    )


def _better(a: Deployment, b: Deployment) -> _Question:
    """Output throughput for each GPU, A over B."""
    rows = tuple(_row(one, "output_per_gpu", _held(one)) for one in (a, b))
    asked = f"does {unit_label(a)} give more for each GPU than {unit_label(b)} on {b.system.id}"
    return _Question(
        kind="better", asked=asked, metric="output", unit="ratio", rows=rows, weights=(1.0, -1.0), limit=1.0,
        read=lambda value: value,
    )  # fmt: skip


def _gpus(deployment: Deployment) -> _Question:
    """GPUs that carry the arrivals, at the most requests at once that the limits allow by prediction."""
    rate = deployment.scenario.request_rate
    if rate is None:
        raise InputError("request_rate", ..., "the load that GPUs are counted for")
    held, _ = deployment.most(deployment.limits)
    if held < 1.0:
        raise InputError("scenario", deployment.model.id, "one whose limits one request meets", "ask plan")
    each, osl = deployment.layout.n_gpus, deployment.workload.osl
    rows = (_row(deployment, "output", held),)
    asked = f"how many GPUs carry {rate:,.3g} requests/s in replicas of {unit_label(deployment)}"
    return _Question(
        kind="gpus", asked=asked, metric="output", unit="GPUs", rows=rows, weights=(1.0,), limit=None,
        read=lambda value: each * math.ceil(rate * osl / value - 1e-9),
    )  # fmt: skip


def _deployments(request: NextRequest, other: Scenario | None) -> tuple[Deployment, ...]:
    for fault in (*faults_of(request), *scenario_faults(request)):
        raise fault
    base = {one.name: getattr(request, one.name) for one in fields(Scenario)}
    limits = request.slo or request.ttft or request.tpot
    if request.question == "gpus" and not limits:
        raise InputError("slo", ..., "the limits that GPUs are counted within", "give `slo`, `ttft` or `tpot`")
    first = resolve(Scenario(**base))
    return (first,) if other is None else (first, resolve(other))


def _question(request: NextRequest, deployments: Sequence[Deployment]) -> _Question:
    kind = request.question or ("better" if len(deployments) > 1 else "slo")
    if kind == "better":
        if len(deployments) < 2:
            raise InputError("against", ..., "the other scenario", "MODEL@SYSTEM,tp=8")
        return _better(*deployments[:2])
    if any(one.disaggregated for one in deployments):
        raise InputError("prefill_layout", "given", "left out: runs of separate roles are not proposed")
    return _slo(deployments[0]) if kind == "slo" else _gpus(deployments[0])


def _made(request: NextRequest, deployment: Deployment) -> Found | None:
    """Results that were given, of the scenario's own deployment where they do not say."""
    if not request.results:
        return None
    layout = deployment.layout
    told = Told(
        results=request.results, format=request.format, server_cmd=request.server_cmd, interval_s=request.interval_s,
        model=request.model, system=request.system, engine_version=request.engine_version or None,
        memory_fraction=request.memory_fraction, max_num_seqs=request.max_num_seqs,
        max_batched_tokens=request.max_batched_tokens, prefix=request.prefix or None, drafts=request.drafts,
        acceptance=request.acceptance,
    )  # fmt: skip
    otherwise = Deployed(
        tp=layout.tp, pp=layout.pp, ep=layout.ep, dp=layout.dp, engine=deployment.engine,
        weight_dtype=deployment.weight_dtype, kv_dtype=deployment.kv_dtype,
    )  # fmt: skip
    found = points_of(told, otherwise=otherwise)
    if request.profile in EFFICIENCIES:
        return found
    counted = calibrated_on(request.profile)
    fresh = tuple(one for one in found.points if one.mark not in counted)
    said = (("the profile was calibrated on them", len(found.points) - len(fresh)),)
    return found if len(fresh) == len(found.points) else replace(found, points=fresh, skipped=(*said, *found.skipped))


def _answered(question: _Question, belief: Belief, answer: Any) -> Answered:
    middle, sd = float(answer @ belief.mean), belief.sd(answer)
    ends = [question.read(math.exp(middle + z * _Z80 * sd)) for z in (-1.0, 1.0)]
    chance = None
    if question.limit is not None and sd > 0.0:
        over = (math.log(question.limit) - middle) / sd
        chance = NormalDist().cdf(over if question.kind == "slo" else -over)
    return Answered(value=Ranged(value=question.read(math.exp(middle)), low=min(ends), high=max(ends)), chance=chance)


def _factor(belief: Belief, answer: Any) -> float:
    return math.exp(_Z80 * belief.sd(answer))


def _settled(question: _Question, found: Answered, factor: float) -> bool:
    if found.chance is not None:
        return max(found.chance, 1.0 - found.chance) >= _SETTLED
    return found.value.low == found.value.high or factor <= _NARROW


def _percent(chance: float) -> str:
    """Never 100 %: a range has no end."""
    return "more than 99 %" if chance > 0.99 else f"{100 * chance:.0f} %"


def _sentence(question: _Question, now: Answered, settled: bool, proposed: Sequence[NextRun], factor: float) -> str:
    if now.chance is not None:
        sure = max(now.chance, 1.0 - now.chance)
        verdict = f"{'Yes' if now.chance >= 0.5 else 'No'}, with a probability of {_percent(sure)}"
    else:
        low, high = now.value.low, now.value.high
        verdict = f"{now.value.value:,.0f} GPUs, four times of five {low:,.0f} to {high:,.0f}"
    if settled:
        return f"{verdict}: {question.asked}? Settled; no run is needed."
    if not proposed:
        return f"{verdict}: {question.asked}? No run of these would narrow it."
    minutes = sum(one.gpu_minutes for one in proposed)
    many = f"{len(proposed)} runs" if len(proposed) > 1 else "One run"
    return (
        f"{verdict}: {question.asked}? {many} of {minutes:,.0f} GPU-minutes should narrow the range from a factor of "
        f"{factor:.2f} to {proposed[-1].factor_after:.2f}."
    )


def next_runs(request: NextRequest, other: Scenario | None = None) -> NextResponse:
    """The runs worth most for their cost, each given those before it. `other` is what `against` names."""
    import numpy as np

    deployments = _deployments(request, other)
    question = _question(request, deployments)
    made = _made(request, deployments[0])
    known = [] if made is None else observed(made.points)
    runs = [run for one in deployments for run in runs_of(one, min(one.room(), 4.0 * _held(one)))]
    asked = [replace(row, result=-1 - at) for at, row in enumerate(question.rows)]
    seen = [replace(row, result=row.result) for row in known]
    could = [
        Observed(setup=run.setup, quantity=name, value=1.0, result=len(known) + at)
        for at, run in enumerate(runs)
        for name in ("tpot", "ttft", "output_per_gpu")
    ]
    problem = Problem.of([*asked, *seen, *could])
    shipped = believed(problem, deployments[0].profile)
    places: dict[tuple[int, str], int] = {(int(c.set), c.quantity): at for at, c in enumerate(problem.cases)}
    answer = np.zeros(len(problem.cases))
    for row, weight in zip(asked, question.weights, strict=True):
        answer[places[row.result, row.quantity]] = weight
    rows = [places[row.result, row.quantity] for row in seen]
    now = shipped.after(rows, np.log([row.value for row in seen])) if seen else shipped
    options = [[places[len(known) + at, name] for name in ("tpot", "ttft")] for at in range(len(runs))]
    first, second = (_answered(question, belief, answer) for belief in (shipped, now))
    factor_now = _factor(now, answer)
    settled = _settled(question, second, factor_now)
    proposed = () if settled else _proposed(request, now, answer, runs, options)
    return NextResponse(
        sentence=_sentence(question, second, settled, proposed, factor_now), question=question.kind,
        asked=question.asked, metric=question.metric, unit=question.unit, limit=question.limit, before=first,
        now=second, factor_before=_factor(shipped, answer), factor_now=factor_now,
        factor_after=proposed[-1].factor_after if proposed else factor_now,
        learnt=_learnt(made, problem, seen, shipped, places), proposed=proposed,
        gpu_minutes=sum(one.gpu_minutes for one in proposed), settled=settled,
        skipped=() if made is None else made.skipped, defaults=deployments[0].defaults,
    )  # fmt: skip


def _learnt(
    made: Found | None, problem: Problem, seen: Sequence[Observed], shipped: Belief, places: dict[tuple[int, str], int]
) -> tuple[str, ...]:
    """What each result said against the shipped prediction."""
    if made is None:
        return ()
    told = []
    for row in seen:
        off = math.log(row.value) - float(shipped.mean[places[row.result, row.quantity]])
        point = made.points[row.result]
        where = f"{point.first.file}:{point.first.line}, {load_words(point.setup.load)}"
        told.append(f"{where}: {row.quantity.upper()} {100 * math.expm1(off):+.0f} % of what was predicted")
    return tuple(told)


def _proposed(
    request: NextRequest, now: Belief, answer: Any, runs: Sequence[Run], options: Sequence[Sequence[int]]
) -> tuple[NextRun, ...]:
    found: list[NextRun] = []
    left = list(options)
    for _ in range(request.runs):
        place = now.best(answer, left, [run.gpu_minutes for run in runs])
        if place is None:
            break
        run, one = runs[place], runs[place].setup
        now = now.after(options[place])
        left[place] = []
        found.append(
            NextRun(
                deployment=run.label, concurrency=one.load.value, isl=one.workload.isl, osl=one.workload.osl,
                requests=round(one.load.requests or 0), minutes=run.gpu_minutes / run.gpus,
                gpu_minutes=run.gpu_minutes, factor_after=_factor(now, answer),
                command=command_of(run, request.tool),
            )
        )  # fmt: skip
    return tuple(found)
