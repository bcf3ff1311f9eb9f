"""Requests through a deployment, one by one: what each saw, in percentiles, and what the machine did meanwhile."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from tokenroof.errors import InputError
from tokenroof.scenario.deployment import Deployment
from tokenroof.scenario.layouts import unit_label
from tokenroof.scenario.machines import machine_ids, machine_names
from tokenroof.simulate.disagg import Apart
from tokenroof.simulate.rules import Rules
from tokenroof.simulate.run import Outcome
from tokenroof.types.served import Infeasible
from tokenroof.types.workload import Load
from tokenroof.usecases.simulate.answer import ClosedLoad, Latency, Series, SimulateResponse
from tokenroof.usecases.simulate.cache import hits_of
from tokenroof.usecases.simulate.carry import Ran, carry
from tokenroof.usecases.simulate.enough import is_short, requests_enough, wave_of
from tokenroof.usecases.simulate.load import rates_of
from tokenroof.usecases.simulate.loads import at_rate, at_seed, capacity_of, knee_of, point_of
from tokenroof.usecases.simulate.recorder import WINDOWS, Recorder
from tokenroof.usecases.simulate.request import SimulateRequest
from tokenroof.usecases.simulate.runs import Runs, runs_on
from tokenroof.usecases.simulate.sentence import sentence_of
from tokenroof.usecases.simulate.setup import Setup, set_up
from tokenroof.usecases.simulate.statistics import (
    BoolArray,
    Counted,
    count,
    latency_of,
    met,
    overload_of,
    queue_at,
    verdicts_of,
)
from tokenroof.usecases.simulate.together import bunched_load, together_notes

__all__ = ["SimulateRequest", "SimulateResponse", "simulate"]

_MTOK, _HOUR_S = 1e6, 3600.0
_UNLIMITED = 1 << 60
_SEARCH = 12  # runs of a search for a rate, more or less

OnProgress = Callable[[float], None]


def simulate(
    request: SimulateRequest,
    on_progress: OnProgress | None = None,
    on_rows: Callable[[int], None] | None = None,
    *,
    cluster: str | None = None,
    threads: int | None = None,
) -> SimulateResponse | Infeasible:
    """Run the requests and say what they saw. `on_progress` is told now and then which share is done.

    An interrupt ends the run: the answer then has what was done, and `interrupted` says so. Where several runs were
    asked for they go to the Dask `cluster` at an address, or to `threads`.
    """
    several = request.capacity or request.rates is not None or request.seeds is not None
    for name, value in (("cluster", cluster), ("threads", threads)):
        if value is not None and not several:
            raise InputError(name, value, "given with `capacity`, `rates` or `seeds`", "one run is work for one core")
    setup = set_up(request, on_rows)
    if isinstance(setup, Infeasible):
        return setup
    if not several:
        return _run(setup, on_progress)
    rates = () if request.rates is None else rates_of(request.rates)
    expected = _SEARCH if request.capacity else len(rates) or request.seeds or 1
    with runs_on(one_run, cluster=cluster, threads=threads, on_progress=on_progress, expected=expected) as runs:
        if request.capacity:
            return _capacity(setup, runs)
        return _rates(setup, rates, runs) if rates else _seeds(setup, request.seeds or 1, runs)


def one_run(setup: Setup, on_tokens: Callable[[int], None] | None = None) -> SimulateResponse:
    """One run of the requests: what is sent to threads and clusters."""
    return _answer(setup, carry(setup, on_tokens))


def _run(setup: Setup, on_progress: OnProgress | None = None) -> SimulateResponse:
    """The same, which tells what share of the tokens is done."""
    whole = max(int((setup.requests.osl - 1).sum() / setup.deployment.tokens_per_step), 1)
    return one_run(setup, None if on_progress is None else lambda tokens: on_progress(min(tokens / whole, 1.0)))


def _capacity(setup: Setup, runs: Runs) -> SimulateResponse:
    """The run at the highest rate that meets the SLO."""
    share = setup.request.percentile / 100.0
    answer, rate, tried = capacity_of(setup, runs, share)
    asked = None if setup.slo.by_percentiles else share
    return _told(replace(answer, capacity=rate, capacity_share=asked, loads=tried))


def _rates(setup: Setup, rates: tuple[float, ...], runs: Runs) -> SimulateResponse:
    """The run at the knee, or at the highest rate where there is none, with a row for each rate."""
    answers = runs.of([at_rate(setup, rate) for rate in rates])
    points = tuple(point_of(answer, rate) for answer, rate in zip(answers, rates, strict=True))
    knee = knee_of(points)
    chosen = answers[-1 if knee is None else knee]
    return _told(replace(chosen, knee=None if knee is None else rates[knee], loads=points))


def _seeds(setup: Setup, seeds: int, runs: Runs) -> SimulateResponse:
    """The run of the first seed, with a row for each."""
    first = setup.request.seed
    answers = runs.of([at_seed(setup, seed) for seed in range(first, first + seeds)])
    points = tuple(point_of(answer, setup.request.request_rate) for answer in answers)
    return _told(replace(answers[0], repeats=points))


def _told(answer: SimulateResponse) -> SimulateResponse:
    return replace(answer, sentence=sentence_of(answer))


def _answer(setup: Setup, ran: Ran) -> SimulateResponse:
    deployment, request, outcome, recorder = setup.deployment, setup.request, ran.outcome, ran.recorder
    split = deployment.prefill_workers
    overload = None if setup.concurrency is not None else overload_of(outcome)
    users = setup.concurrency or 0 if setup.think_s > 0.0 else 0
    found = count(outcome, request.warmup, overload is not None, users, wave_of(setup))
    good, limits = met(outcome, deployment.limits), deployment.limits
    limited = limits.ttft_s is not None or limits.tpot_s is not None
    span_s, ended = found.span_s, found.ended
    rate = _per_s(int(found.in_span.sum()), span_s)
    output = _per_s(int(outcome.osl[found.in_span].sum()), span_s)
    whole = output + _per_s(int(outcome.isl[found.in_span].sum()), span_s)
    verdicts = verdicts_of(outcome, found.sent, setup.slo)
    held = all(one.held for one in verdicts) and overload is None if verdicts else None
    good_per_s = rate * bool(held) if verdicts else _per_s(int((good & found.in_span).sum()), span_s)
    price = None if deployment.price is None else deployment.price.usd_per_gpu_h
    usd_per_s = None if price is None else price * deployment.gpus / _HOUR_S
    series = _series(outcome, recorder, setup)
    hits = hits_of(setup.kept, deployment, outcome, found.sent)
    cached = sum(one.cache_hit_rate for one in hits)
    stay_s = float(outcome.e2e_s[ended].mean()) if ended.any() else 0.0
    short = stay_s > 0.0 and overload is None and outcome.stopped_s is None and is_short(setup, found, stay_s)
    closed = _closed_form(deployment, cached, bunched_load(setup))
    answer = SimulateResponse(
        model=deployment.model.id,
        model_name=deployment.model.name,
        system=machine_ids(deployment.machines),
        system_name=machine_names(deployment.machines),
        gpus=deployment.gpus,
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
        goodput=good_per_s if limited else None,
        slo_held=held,
        percentiles=verdicts,
        output_tokens_per_s_per_gpu=output / deployment.gpus,
        total_tokens_per_s_per_gpu=whole / deployment.gpus,
        duty_cycle=_duty(setup, recorder, found),
        batch=_ratio(recorder.sum("decoded", *_span(found)), recorder.sum("steps", *_span(found))),
        kv_fill=_fill(setup, recorder, found),
        kv_fill_most=None if _endless(setup.rules) else 1.0 - outcome.least_free_blocks / setup.rules.blocks,
        waiting_most=max(series.waiting, default=0),
        running_most=max(series.running, default=0),
        preemptions=outcome.put_back,
        steps=outcome.steps,
        drafts=setup.rules.drafts,
        acceptance=setup.rules.acceptance if setup.rules.drafts else None,
        tokens_per_step=outcome.verified_tokens / outcome.verified_steps if outcome.verified_steps else None,
        prefill_workers=None if split is None else split.workers,
        decode_workers=None if split is None else split.decode_workers,
        prefill_duty_cycle=_prefill_duty(setup, ran, found),
        kv_transfer=_between(outcome, ended, "prefilled_s", "sent_s"),
        decode_wait=_between(outcome, ended, "sent_s", "joined_s"),
        prefix_cache=request.prefix_cache,
        cache_hit_rate=cached if hits else None,
        cache_hits=hits,
        overload=overload,
        usd_per_gpu_h=price,
        output_usd_per_mtok=_usd(usd_per_s, output),
        total_usd_per_mtok=_usd(usd_per_s, whole),
        closed_form=closed,
        capacity=None,
        capacity_share=None,
        knee=None,
        loads=(),
        repeats=(),
        series=series,
        notes=(*setup.source.notes, *together_notes(setup, found)),
        defaults=deployment.defaults,
        warnings=deployment.warnings,
        sentence="",
        short=short,
        requests_enough=requests_enough(setup, found, max(stay_s, closed.e2e_s or 0.0)) if short else None,
        seed=request.seed,
        request=request,
        deployment=deployment,
        outcome=outcome,
    )
    return _told(answer)


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


def _lanes(setup: Setup) -> int:
    """Of all replicas that decode."""
    split = setup.deployment.prefill_workers
    return setup.deployment.replicas * (1 if split is None else split.decode_workers) * len(setup.rules.stages)


def _prefill_duty(setup: Setup, ran: Ran, found: Counted) -> float | None:
    split = setup.deployment.prefill_workers
    if split is None or ran.prefill is None:
        return None
    lanes = setup.deployment.replicas * split.workers * split.layout.pp
    return min(_ratio(ran.prefill.sum("busy_s", *_span(found)), found.span_s * lanes), 1.0)


def _between(outcome: Outcome, ended: BoolArray, before: str, after: str) -> Latency | None:
    """From one moment of each request to another, where prefill has workers of its own."""
    if not isinstance(outcome, Apart):
        return None
    return latency_of((getattr(outcome, after) - getattr(outcome, before))[ended])


def _duty(setup: Setup, recorder: Recorder, found: Counted) -> float:
    """Share of the span in which steps run, mean over replicas; with pipelines of a lane's time."""
    lanes = _lanes(setup)
    return min(_ratio(recorder.sum("busy_s", *_span(found)), found.span_s * lanes), 1.0)


def _fill(setup: Setup, recorder: Recorder, found: Counted) -> float | None:
    if _endless(setup.rules):
        return None
    span = _span(found)
    return _ratio(recorder.sum("used_s", *span), recorder.sum("busy_s", *span) * setup.rules.blocks)


def _itl(setup: Setup, outcome: Outcome, found: Counted, recorder: Recorder) -> Latency | None:
    """Gaps between tokens: the mean is exact; percentiles are those of steps, which lanes of a pipeline do not show.
    Where a step yields several tokens an engine streams them at once: the gap is that of steps, and so is the mean.
    """
    later = int((outcome.osl[found.ended] - 1).sum())
    if not later:
        return None
    mean = float((outcome.end_s - outcome.first_s)[found.ended].sum()) / later
    if outcome.verified_steps:
        mean *= outcome.verified_tokens / outcome.verified_steps
    followed = len(setup.rules.stages) == 1
    shares = recorder.gap_percentiles((0.5, 0.9, 0.99), found.from_s) if followed else None
    p50, p90, p99 = shares or (None, None, None)
    return Latency(mean=mean, p50=p50, p90=p90, p99=p99)


def _closed_form(deployment: Deployment, cached: float, load: Load) -> ClosedLoad:
    """What the formulas say where such a share of every prompt is cached."""
    work = deployment.workload
    served = replace(deployment, workload=replace(work, prefix=cached * work.isl)).serve(load)
    return ClosedLoad(
        ttft_s=_finite(served.ttft_s), tpot_s=_finite(served.tpot_s), e2e_s=_finite(served.e2e_s),
        requests_per_s=served.requests_per_s, saturated=served.saturated,
    )  # fmt: skip


def _series(outcome: Outcome, recorder: Recorder, setup: Setup) -> Series:
    width = recorder.width_s
    last = max(outcome.duration_s, float(setup.requests.arrival_s[-1]) if setup.concurrency is None else 0.0)
    windows = min(int(last / width) + 1, WINDOWS)
    waiting, running = queue_at(outcome, ((np.arange(windows) + 1) * width).astype(np.float64))
    replicas = _lanes(setup)

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
