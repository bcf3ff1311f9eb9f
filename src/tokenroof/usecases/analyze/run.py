"""The main job: one model on one system. Does it fit, how fast is it, what limits it, what does it cost."""

import math
from dataclasses import replace

from tokenroof.catalog import load_model
from tokenroof.formulas.roofline import user_tokens_per_s
from tokenroof.mixers.architecture import active_params
from tokenroof.planner.drafts import drafting_s
from tokenroof.scenario.bounds import Bounds, bounds_of
from tokenroof.scenario.costs import cost_of, request_usd
from tokenroof.scenario.deployment import Deployment
from tokenroof.scenario.energy import energy_of
from tokenroof.scenario.layouts import unit_label
from tokenroof.scenario.machines import machine_ids, machine_names
from tokenroof.scenario.pool_log import pool_log
from tokenroof.scenario.ranges import ranged
from tokenroof.scenario.resolve import resolve
from tokenroof.scenario.unmet import unmet
from tokenroof.types.served import Infeasible, Ranged, Served
from tokenroof.types.workload import Limits, Load
from tokenroof.usecases.analyze.answer import TPOT_S, AnalyzeResponse, FastMode, Rooms, ServedCost
from tokenroof.usecases.analyze.bound import ClosedForm, closed_form
from tokenroof.usecases.analyze.pool import pool_of
from tokenroof.usecases.analyze.request import AnalyzeRequest
from tokenroof.usecases.analyze.sentence import sentence_of
from tokenroof.usecases.analyze.work import decode_rows, experts_per_gpu, nearness, prefill_rows, waits_of, work_of

__all__ = ["AnalyzeRequest", "AnalyzeResponse", "analyze"]

_MTOK = 1e6
_OTHERWISE = 0.1  # difference of logarithms that is worth a word

LEFT_OUT = ("queueing from bursts of arrivals", "what narrower formats do to the quality of answers")


def _inverse(time: Ranged) -> Ranged:
    """Tokens per second of one user from the time per token: the range turns round."""

    def per_s(seconds: float | None) -> float | None:
        return float(user_tokens_per_s(step_s=seconds)) if seconds else None

    return Ranged(
        value=float(user_tokens_per_s(step_s=time.value)),
        low=per_s(time.high), high=per_s(time.low), bound=per_s(time.bound),
    )  # fmt: skip


def _scaled(usd: float, deployment: Deployment) -> Ranged:
    """A cost: its range is that of throughput, turned round."""
    found = ranged("throughput", 1.0, deployment.profile)
    if found.low is None or found.high is None:
        return Ranged(value=usd)
    return Ranged(value=usd, low=usd / found.high, high=usd / found.low)


def _cost(deployment: Deployment, served: Served) -> ServedCost | None:
    price = deployment.price
    if price is None:
        return None
    found = cost_of(deployment, served, price.usd_per_gpu_h)
    alone = deployment.one_each()
    osl = deployment.workload.osl
    cached = found.cached_usd_per_mtok
    return ServedCost(
        usd_per_gpu_h=price.usd_per_gpu_h,
        low_usd_per_gpu_h=price.low_usd_per_gpu_h,
        high_usd_per_gpu_h=price.high_usd_per_gpu_h,
        price_source=price.source,
        input_usd_per_mtok=_scaled(found.input_usd_per_mtok, deployment),
        cached_usd_per_mtok=None if cached is None else _scaled(cached, deployment),
        output_usd_per_mtok=_scaled(found.output_usd_per_mtok, deployment),
        all_on_output_usd_per_mtok=_scaled(found.request_usd / osl * _MTOK, deployment),
        request_usd=found.request_usd,
        alone_usd_per_mtok=request_usd(deployment, alone, price.usd_per_gpu_h) / osl * _MTOK,
    )


def _rooms(deployment: Deployment, closed: ClosedForm) -> Rooms:
    limits = deployment.limits
    if limits.tpot_s is None and limits.ttft_s is None:
        limits = Limits(tpot_s=TPOT_S)
    room = deployment.room()
    within, limit = (0.0, "memory") if room < 1.0 else deployment.most(limits, room)
    return Rooms(within_limits=within, limit=limit, by_memory=room, critical=closed.critical_batch)


def _output_usd(deployment: Deployment, served: Served) -> float:
    """Output tokens at a dollar for each GPU-hour; ratios of it hold at any rent."""
    return float(cost_of(deployment, served, 1.0).output_usd_per_mtok)


def _fast_mode(deployment: Deployment, served: Served, speedup: float) -> FastMode:
    """Against this load, as `price` has it: output tokens, machine time split between input and output."""
    target = served.tpot_s / speedup
    held, _ = deployment.most(Limits(tpot_s=target, ttft_s=deployment.limits.ttft_s))
    alone = deployment.one_each()
    fast = deployment.serve(Load(kind="concurrency", value=held * deployment.replicas)) if held >= 1.0 else None
    return FastMode(
        speedup=speedup,
        tpot_s=target,
        possible=fast is not None,
        concurrency=None if fast is None else fast.concurrency,
        price_ratio=None if fast is None else _output_usd(deployment, fast) / _output_usd(deployment, served),
        fastest_speedup=served.tpot_s / alone.tpot_s,
    )


def _closed(deployment: Deployment, request: AnalyzeRequest, served: Served) -> ClosedForm:
    """The closed form at the same requests at once, on the GPUs of one domain."""
    pool = pool_of(
        deployment.model, deployment.system, weights=deployment.layout.weights, kv_dtype=request.kv_dtype,
        label=deployment.weight_dtype,
    )  # fmt: skip
    share = pool.chips / deployment.system.n_chips
    batch = max(served.concurrency * share, request.batch or 1.0) if served.fits else request.batch or 1.0
    price = None if deployment.price is None else deployment.price.usd_per_gpu_h
    return closed_form(
        pool, batch, deployment.workload.context, rule=request.rule, usd_per_gpu_h=price,
        fast_speedup=request.fast_speedup,
    )  # fmt: skip


def _numbers(deployment: Deployment, served: Served, least: Bounds) -> dict[str, Ranged | None]:
    if not served.fits:
        names = ("tpot_s", "decode_step_s", "ttft_s", "e2e_s", "interactivity", "output_tokens_per_s_per_gpu",
                 "decode_tokens_per_s_per_gpu")  # fmt: skip
        return dict.fromkeys(names)
    profile = deployment.profile
    tpot = ranged("tpot", served.tpot_s, profile, least.tpot_s)
    return {
        "tpot_s": tpot,
        "decode_step_s": ranged("step", served.decode_step_s, profile, least.decode_step_s),
        "ttft_s": ranged("ttft", served.ttft_s, profile, least.ttft_s) if math.isfinite(served.ttft_s) else None,
        "e2e_s": ranged("e2e", served.e2e_s, profile, least.e2e_s) if math.isfinite(served.e2e_s) else None,
        "interactivity": _inverse(tpot),
        "output_tokens_per_s_per_gpu": ranged(
            "throughput", served.output_tokens_per_s_per_gpu, profile, least.output_tokens_per_s_per_gpu
        ),
        "decode_tokens_per_s_per_gpu": ranged("throughput", served.decode_tokens_per_s_per_gpu, profile),
    }


def _shown(deployment: Deployment, served: Served, infeasible: Infeasible | None) -> Served:
    """What is served; where a limit on latency is missed in an empty system one request each, in overload the most."""
    if infeasible is None or infeasible.limit == "memory":
        return served
    if infeasible.limit == "load":
        return replace(deployment.serve(Load(kind="saturated")), ttft_s=math.inf, e2e_s=math.inf)
    return served if served.fits else deployment.one_each()


def _in_bunches(deployment: Deployment, served: Served) -> tuple[str, ...]:
    """What a benchmark would see whose clients begin together with equal lengths, where that is another thing."""
    load = deployment.load
    if load.kind != "concurrency" or load.requests is not None or not served.fits:
        return ()
    alike = deployment.serve(replace(load, range_ratio=1.0))
    if not alike.fits or abs(math.log(alike.tpot_s / served.tpot_s)) < _OTHERWISE:
        return ()
    return (
        f"clients in random phases; if all {load.value:,.0f} begin together with equal lengths, as in a benchmark, "
        f"prompts stay in bunches: TPOT {1e3 * alike.tpot_s:.3g} ms, TTFT {1e3 * alike.ttft_s:,.0f} ms",
    )


def analyze(request: AnalyzeRequest) -> AnalyzeResponse:
    """Answer for one scenario. What is asked and not met is answered too: `infeasible` says why, and what would do.

    Speeds are of what is served: in a system that misses a limit even when empty of one request in each replica, in
    one with more arrivals than it serves of the most that it serves. Where memory does not hold it there are none.
    """
    deployment = resolve(request)
    model, machines, layout, work = deployment.model, deployment.machines, deployment.layout, deployment.workload
    split = deployment.prefill_workers
    asked = deployment.serve()
    infeasible = unmet(deployment, asked)
    served = _shown(deployment, asked, infeasible)
    closed = _closed(deployment, request, served)
    batch = served.batch if served.fits else request.batch or 1.0
    times = deployment.step(batch)
    rows = decode_rows(deployment, batch)
    mfu, mbu = nearness(deployment, batch, times) if served.fits else (None, None)
    running = min(served.concurrency / deployment.replicas, served.room) if served.fits else 1.0
    least = bounds_of(deployment, running, batch=batch)
    cost = _cost(deployment, served) if served.fits else None
    numbers = _numbers(deployment, served, least)
    return AnalyzeResponse(
        model=model.id,
        model_name=model.name,
        system=machine_ids(machines),
        system_name=machine_names(machines),
        announced=any(machine.chip.announced for machine in machines),
        gpus=deployment.gpus,
        total_params=closed.total_params,
        active_params=active_params(deployment.model).with_embeddings,
        layout=layout,
        layout_label=unit_label(deployment),
        prefill_layout=None if split is None else split.layout,
        prefill_workers=None if split is None else split.workers,
        decode_workers=None if split is None else split.decode_workers,
        layout_reason=deployment.layout_reason,
        replicas=deployment.replicas,
        gpus_idle=deployment.gpus_idle,
        engine=deployment.engine,
        weight_dtype=deployment.weight_dtype,
        kv_dtype=deployment.kv_dtype,
        isl=work.isl,
        osl=work.osl,
        prefix=work.prefix,
        context=work.context,
        fits=served.fits,
        infeasible=infeasible,
        concurrency=served.concurrency,
        batch=batch,
        **numbers,
        requests_per_s=served.requests_per_s if served.fits else None,
        prefill_share=served.prefill_share if served.fits else None,
        mfu=mfu,
        mbu=mbu,
        cost=cost,
        energy=energy_of(deployment, served),
        rooms=_rooms(deployment, closed),
        memory=deployment.memory() if deployment.prompts_fit else deployment.prompt_memory(),
        log=pool_log(deployment),
        step=times,
        work=work_of(
            rows, float(times.step_s), drafting_s(deployment.timed, batch, work.context), float(times.hidden_s)
        ),
        step_seconds_by_input=waits_of(deployment, batch),
        operators=rows,
        prefill_s=float(deployment.prefill().step_s),
        prefill_operators=prefill_rows(deployment),
        experts_per_gpu=experts_per_gpu(deployment),
        network_bytes_per_step=sum(row.comm_bytes for row in rows),
        fast_mode=_fast_mode(deployment, served, request.fast_speedup) if served.fits else None,
        bound=closed,
        profile=deployment.profile.id,
        claim=deployment.claim,
        profile_notes=deployment.profile.notes,
        defaults=deployment.defaults,
        overrides=deployment.overrides,
        left_out=LEFT_OUT,
        warnings=(*load_model(request.model).warnings, *deployment.warnings, *_in_bunches(deployment, served)),
        sentence=sentence_of(deployment, served, infeasible, cost),
        request=request,
        deployment=deployment,
        served=served,
    )
