"""Requests through a deployment, one by one: what each saw, in percentiles, and what the machine did meanwhile."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from tokenroof.engines import engine as engine_of
from tokenroof.errors import InputError
from tokenroof.scenario.deployment import Deployment
from tokenroof.scenario.infeasible import infeasible_of
from tokenroof.scenario.layouts import unit_label
from tokenroof.scenario.resolve import resolve
from tokenroof.simulate.binding import rules_of, table_of
from tokenroof.simulate.requests import Requests
from tokenroof.simulate.rules import Rules
from tokenroof.simulate.run import Outcome
from tokenroof.simulate.run import simulate as follow
from tokenroof.types.limits import faults_of
from tokenroof.types.scenario import scenario_faults
from tokenroof.types.served import Infeasible
from tokenroof.usecases.simulate.answer import ClosedLoad, Latency, Series, SimulateResponse
from tokenroof.usecases.simulate.load import Source, draw, scenario_of, source_of
from tokenroof.usecases.simulate.recorder import WINDOWS, Recorder
from tokenroof.usecases.simulate.request import SimulateRequest
from tokenroof.usecases.simulate.sentence import sentence_of
from tokenroof.usecases.simulate.statistics import Counted, count, latency_of, met, overload_of, queue_at

__all__ = ["Setup", "SimulateRequest", "SimulateResponse", "follow_with", "set_up", "simulate"]

_MTOK, _HOUR_S = 1e6, 3600.0
_PERIOD_S = 0.02  # the lecture's train leaves each time that memory has been read once
_UNLIMITED = 1 << 60

OnProgress = Callable[[float], None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Setup:
    """A question made ready to run: requests, deployment, rules, and the closed loop's requests at once."""

    request: SimulateRequest
    source: Source
    requests: Requests
    deployment: Deployment
    rules: Rules
    scheduler: str
    concurrency: int | None
    think_s: float


def set_up(request: SimulateRequest, on_rows: Callable[[int], None] | None = None) -> Setup | Infeasible:
    """Requests and deployment; Infeasible where memory does not hold one request of the mean length."""
    numbers = replace(request, isl=None, osl=None)  # those that are given are checked with the scenario
    for fault in (*faults_of(numbers), *scenario_faults(numbers)):
        raise fault
    _check(request)
    source = source_of(request, on_rows)
    deployment = resolve(scenario_of(request, source))
    if deployment.room() < 1.0:
        return infeasible_of(deployment)
    rules, scheduler = _rules(request, deployment)
    at_once = request.concurrency or request.users
    if source.requests is None and at_once is not None and at_once != int(at_once):
        raise InputError("concurrency" if request.concurrency else "users", at_once, "a whole number")
    return Setup(
        request=request, source=source, requests=draw(request, source, deployment.workload), deployment=deployment,
        rules=rules, scheduler=scheduler, concurrency=None if at_once is None else int(at_once),
        think_s=deployment.load.think_s,
    )  # fmt: skip


def _check(request: SimulateRequest) -> None:
    if request.period is not None and request.scheduler != "train":
        raise InputError("period", request.period, "given with the scheduler train")


def _rules(request: SimulateRequest, deployment: Deployment) -> tuple[Rules, str]:
    """The engine's rules, or those of the scheduler that was asked for on the engine's memory and budgets."""
    own = rules_of(deployment)
    name = request.scheduler
    if name is None:
        return own, deployment.engine
    if name == "static":
        return replace(own, policy="static"), name
    if name == "train":
        return replace(own, policy="train", period_s=request.period or _PERIOD_S), name
    other = engine_of(name).scheduler
    policy, reserve = "mixed" if other.mixed else "prompts-first", "output" if other.reserves_output else "pages"
    return replace(own, policy=policy, reserve=reserve), name


def follow_with(setup: Setup, recorder: Recorder | None) -> Outcome:
    """The run itself. In a closed loop the next request waits for all of an answer, its time outside steps too."""
    deployment, request_s = setup.deployment, setup.deployment.profile.request_s
    return follow(
        setup.requests, table_of(deployment), setup.rules, concurrency=setup.concurrency,
        think_s=setup.think_s + request_s, replicas=deployment.replicas, router=setup.request.router,
        request_s=request_s, watch=recorder,
    )  # fmt: skip


def simulate(
    request: SimulateRequest,
    on_progress: OnProgress | None = None,
    on_rows: Callable[[int], None] | None = None,
) -> SimulateResponse | Infeasible:
    """Run the requests and say what they saw. `on_progress` is told now and then which share is done.

    An interrupt ends the run: the answer then has what was done, and `interrupted` says so.
    """
    setup = set_up(request, on_rows)
    if isinstance(setup, Infeasible):
        return setup
    whole = max(int((setup.requests.osl - 1).sum()), 1)
    tell = None if on_progress is None else lambda tokens: on_progress(min(tokens / whole, 1.0))
    recorder = Recorder(setup.rules.blocks, tell)
    outcome = follow_with(setup, recorder)
    recorder.flush()
    return _answer(setup, outcome, recorder)


def _answer(setup: Setup, outcome: Outcome, recorder: Recorder) -> SimulateResponse:
    deployment, request = setup.deployment, setup.request
    overload = None if setup.concurrency is not None else overload_of(outcome)
    found = count(outcome, request.warmup, overload is not None)
    good, limits = met(outcome, deployment.limits), deployment.limits
    limited = limits.ttft_s is not None or limits.tpot_s is not None
    span_s, ended = found.span_s, found.ended
    rate = _per_s(int(found.in_span.sum()), span_s)
    output = _per_s(int(outcome.osl[found.in_span].sum()), span_s)
    whole = output + _per_s(int(outcome.isl[found.in_span].sum()), span_s)
    price = None if deployment.price is None else deployment.price.usd_per_gpu_h
    usd_per_s = None if price is None else price * deployment.system.n_chips / _HOUR_S
    series = _series(outcome, recorder, setup)
    answer = SimulateResponse(
        model=deployment.model.id,
        model_name=deployment.model.name,
        system=deployment.system.id,
        system_name=deployment.system.name,
        gpus=deployment.system.n_chips,
        layout_label=unit_label(deployment),
        replicas=deployment.replicas,
        gpus_idle=deployment.gpus_idle,
        engine=deployment.engine,
        scheduler=setup.scheduler,
        weight_dtype=deployment.weight_dtype,
        kv_dtype=deployment.kv_dtype,
        source=setup.source.words,
        requests=len(outcome.isl),
        ended=int(outcome.done.sum()),
        rejected=outcome.rejected,
        interrupted=outcome.stopped_s is not None,
        warmup_requests=found.warmup,
        counted=int(ended.sum()),
        isl=float(setup.requests.isl.mean()),
        osl=float(setup.requests.osl.mean()),
        request_rate=_finite(setup.requests.mean_rate) if setup.concurrency is None else None,
        from_s=found.from_s,
        to_s=found.to_s,
        duration_s=outcome.duration_s,
        ttft=latency_of(outcome.ttft_s[ended]),
        tpot=latency_of(outcome.tpot_s[ended]),
        itl=_itl(setup, outcome, found, recorder),
        e2e=latency_of(outcome.e2e_s[ended]),
        requests_per_s=rate,
        ttft_limit_s=limits.ttft_s,
        tpot_limit_s=limits.tpot_s,
        slo_share=float(good[found.sent].mean()) if limited and found.sent.any() else None,
        goodput=_per_s(int((good & found.in_span).sum()), span_s) if limited else None,
        output_tokens_per_s_per_gpu=output / deployment.system.n_chips,
        total_tokens_per_s_per_gpu=whole / deployment.system.n_chips,
        duty_cycle=_duty(setup, recorder, found),
        batch=_ratio(recorder.sum("decoded", *_span(found)), recorder.sum("steps", *_span(found))),
        kv_fill=_fill(setup, recorder, found),
        kv_fill_most=None if _endless(setup.rules) else 1.0 - outcome.least_free_blocks / setup.rules.blocks,
        waiting_most=max(series.waiting, default=0),
        running_most=max(series.running, default=0),
        preemptions=outcome.put_back,
        steps=outcome.steps,
        overload=overload,
        usd_per_gpu_h=price,
        output_usd_per_mtok=_usd(usd_per_s, output),
        total_usd_per_mtok=_usd(usd_per_s, whole),
        closed_form=_closed_form(deployment),
        series=series,
        notes=setup.source.notes,
        defaults=deployment.defaults,
        warnings=deployment.warnings,
        sentence="",
        seed=request.seed,
        request=request,
        deployment=deployment,
        outcome=outcome,
    )
    return replace(answer, sentence=sentence_of(answer))


def _span(found: Counted) -> tuple[float, float]:
    return found.from_s, found.to_s


def _per_s(number: float, seconds: float) -> float:
    return number / seconds if seconds > 0.0 else 0.0


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0.0 else 0.0


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) and value > 0.0 else None


def _usd(usd_per_s: float | None, tokens_per_s: float) -> float | None:
    return None if usd_per_s is None or not tokens_per_s > 0.0 else usd_per_s / tokens_per_s * _MTOK


def _endless(rules: Rules) -> bool:
    """Whether memory does not grow with tokens: there is no cache to be filled."""
    return rules.blocks >= _UNLIMITED


def _duty(setup: Setup, recorder: Recorder, found: Counted) -> float:
    """Share of the span in which steps run, mean over replicas; with pipelines of a lane's time."""
    lanes = setup.deployment.replicas * len(setup.rules.stages)
    return min(_ratio(recorder.sum("busy_s", *_span(found)), found.span_s * lanes), 1.0)


def _fill(setup: Setup, recorder: Recorder, found: Counted) -> float | None:
    if _endless(setup.rules):
        return None
    span = _span(found)
    return _ratio(recorder.sum("used_s", *span), recorder.sum("busy_s", *span) * setup.rules.blocks)


def _itl(setup: Setup, outcome: Outcome, found: Counted, recorder: Recorder) -> Latency | None:
    """Gaps between tokens: the mean is exact; percentiles are those of steps, which lanes of a pipeline do not show."""
    later = int((outcome.osl[found.ended] - 1).sum())
    if not later:
        return None
    mean = float((outcome.end_s - outcome.first_s)[found.ended].sum()) / later
    shares = recorder.gap_percentiles((0.5, 0.9, 0.99), found.from_s) if len(setup.rules.stages) == 1 else None
    p50, p90, p99 = shares or (None, None, None)
    return Latency(mean=mean, p50=p50, p90=p90, p99=p99)


def _closed_form(deployment: Deployment) -> ClosedLoad:
    served = deployment.serve()
    return ClosedLoad(
        ttft_s=_finite(served.ttft_s), tpot_s=_finite(served.tpot_s), e2e_s=_finite(served.e2e_s),
        requests_per_s=served.requests_per_s, saturated=served.saturated,
    )  # fmt: skip


def _series(outcome: Outcome, recorder: Recorder, setup: Setup) -> Series:
    width = recorder.width_s
    last = max(outcome.duration_s, float(setup.requests.arrival_s[-1]) if setup.concurrency is None else 0.0)
    windows = min(int(last / width) + 1, WINDOWS)
    waiting, running = queue_at(outcome, ((np.arange(windows) + 1) * width).astype(np.float64))
    replicas = setup.deployment.replicas * len(setup.rules.stages)

    def shares(part: str, whole: str | float) -> tuple[float, ...]:
        under = getattr(recorder, whole) if isinstance(whole, str) else np.full(WINDOWS, whole)
        above = getattr(recorder, part)
        found = np.divide(above, under, out=np.zeros(WINDOWS), where=under > 0.0)
        return tuple(np.round(found[:windows], 9).tolist())  # sums of steps may pass a whole window by a rounding

    filled = (
        [0.0] * windows if _endless(setup.rules) else [one / setup.rules.blocks for one in shares("used_s", "busy_s")]
    )
    return Series(
        width_s=width, busy=shares("busy_s", width * replicas), batch=shares("decoded", "steps"),
        kv_fill=tuple(filled), waiting=tuple(waiting.tolist()), running=tuple(running.tolist()),
    )  # fmt: skip
