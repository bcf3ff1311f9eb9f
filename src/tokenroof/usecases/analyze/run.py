"""The main job: one model on one machine. Does it fit, what binds, how fast, what does it cost."""

from dataclasses import replace
from typing import Any

from tokenroof.catalog import load_model, load_system
from tokenroof.catalog.profile import profile_for
from tokenroof.formulas import pricing, queueing
from tokenroof.formulas import roofline as f
from tokenroof.types.checks import check_choice, check_number
from tokenroof.types.default import Default
from tokenroof.types.efficiency import Efficiency
from tokenroof.usecases.analyze.answer import AnalyzeRequest, AnalyzeResponse, CostReport, FastMode, Train
from tokenroof.usecases.analyze.closed_form import MODES, RooflineResponse, bound_of, roofline_numbers
from tokenroof.usecases.analyze.domain import Deployment, deploy
from tokenroof.usecases.analyze.operators import fast_mode, nearest_fixes, operator_report, step_s_at, usd_per_token
from tokenroof.usecases.analyze.point import OperatorReport
from tokenroof.usecases.analyze.room import check_fit, largest_batch

__all__ = [
    "ANALYZE_MODES", "AnalyzeRequest", "AnalyzeResponse", "analyze", "inputs_at", "knee_context_of", "numbers_at"
]  # fmt: skip

ANALYZE_MODES = ("operators", *MODES)
DEFAULT_CONTEXT = 4096.0
_FAR = 1e9

LEFT_OUT = (
    "attention arithmetic",
    "network traffic between chips",
    "kernel launches and host time",
    "activations and the engine's reserve of memory",
)


LEFT_OUT_OPERATORS = ("queueing and batching by the serving engine: see validate and plan",)


def inputs_at(deployment: Deployment, batch: float, context: float, usd_per_gpu_h: float | None) -> dict[str, Any]:
    """Inputs of the closed form at one point; KV bytes per token are what a step really reads, averaged."""
    tokens = max(context, 1.0)
    inputs: dict[str, Any] = {
        "params": deployment.read_params,
        "active_params": deployment.active_params,
        "bytes_per_param": deployment.bytes_per_param,
        "kv_bytes_per_token": deployment.read_bytes(tokens) / tokens,
        "flops_per_s": deployment.flops_per_s,
        "bytes_per_s": deployment.bytes_per_s,
        "context": tokens,
        "batch": batch,
    }
    if usd_per_gpu_h is not None:
        inputs["usd_per_s"] = usd_per_gpu_h * deployment.chips / 3600.0
    return inputs


def knee_context_of(deployment: Deployment) -> float:
    """Context from which a sequence's reads take longer than its arithmetic, exact for windows and top-k.

    Solves read(C)/W = 2A/F. Reads never fall with C, so bisection finds it; infinity where they stay below.
    """
    seconds = f.compute_time_s(batch=1.0, active_params=deployment.active_params, flops_per_s=deployment.flops_per_s)
    budget = seconds * deployment.bytes_per_s
    low, high = 1.0, _FAR
    if deployment.read_bytes(high) <= budget:
        return float("inf")
    if deployment.read_bytes(low) >= budget:
        return low
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if deployment.read_bytes(middle) < budget else (low, middle)
    return high


def numbers_at(
    deployment: Deployment, batch: float, context: float, mode: str, usd_per_gpu_h: float | None = None
) -> dict[str, Any]:
    """The closed form at one (batch, context), with the knee that the architecture really has."""
    numbers = roofline_numbers(inputs_at(deployment, batch, context, usd_per_gpu_h), mode)
    knee = knee_context_of(deployment)
    numbers["knee_context"] = knee
    return numbers


def touched_step_s(deployment: Deployment, batch: float, context: float, mode: str) -> float:
    """Step time when only the experts that the batch touches are read; below the lecture's at small batches."""
    inputs = inputs_at(deployment, batch, context, None) | {"params": deployment.touched_params(batch)}
    return float(roofline_numbers(inputs, mode)["step_s"])


def _response(numbers: dict[str, Any], mode: str) -> RooflineResponse:
    numbers = dict(numbers)
    cost, floor = numbers.pop("cost_usd_per_token", None), numbers.pop("cost_floor_usd_per_token", None)
    return RooflineResponse(
        **numbers,
        bound=bound_of(numbers, mode),
        cost_usd_per_mtok=None if cost is None else cost * 1e6,
        cost_floor_usd_per_mtok=None if floor is None else floor * 1e6,
        mode=mode,
    )


def _context(request: AnalyzeRequest, deployment: Deployment, defaults: list[Default]) -> float:
    limit = deployment.model.context_config or deployment.model.context_advertised
    if request.isl is not None and request.context is None:
        isl = check_number("isl", request.isl, low=1.0, high=1e9)
        osl = 512.0 if request.osl is None else check_number("osl", request.osl, low=1.0, high=1e9)
        defaults.append(
            Default(field="context", value=f"{isl + osl / 2:,.0f}", reason="isl + osl / 2, its mean in decode")
        )
        return isl + osl / 2
    if request.context is not None:
        return check_number("context", request.context, low=1.0, high=1e9, fix="tokens already in each sequence")
    context = min(DEFAULT_CONTEXT, float(limit)) if limit else DEFAULT_CONTEXT
    defaults.append(Default(field="context", value=f"{context:.0f}", reason="a chat of a few pages"))
    return context


def _batch(request: AnalyzeRequest, deployment: Deployment, context: float, defaults: list[Default]) -> float:
    if request.batch is not None:
        return check_number("batch", request.batch, low=1.0, high=1e9, fix="sequences decoded together")
    most = largest_batch(deployment, context)
    balance = numbers_at(deployment, 1.0, context, "lecture")["balance_batch"]
    batch = float(max(1, int(min(balance, most))))
    why = "the balance batch" if balance <= most else "the most that memory holds, short of the balance batch"
    defaults.append(Default(field="batch", value=f"{batch:,.0f}", reason=f"{why}"))
    return batch


def _price(request: AnalyzeRequest, deployment: Deployment, defaults: list[Default]) -> tuple[float | None, str]:
    if request.usd_per_gpu_h is not None:
        return check_number("price_per_gpu_hour", request.usd_per_gpu_h, low=0.0, high=1e6), "given"
    rental = deployment.system.rental
    if rental is None:
        defaults.append(Default(field="price", value="none", reason="no rental price recorded"))
        return None, ""
    spread = f"rentals ran from ${rental.low_usd_per_h:.2f} to ${rental.high_usd_per_h:.2f} on {rental.as_of}"
    defaults.append(
        Default(field="price", value=f"${rental.median_usd_per_h:.2f} per GPU-hour", reason=f"median; {spread}")
    )
    return rental.median_usd_per_h, f"{rental.source}, {rental.as_of}"


def _cost(
    deployment: Deployment,
    request: AnalyzeRequest,
    here: dict[str, Any],
    context: float,
    price: float,
    source: str,
) -> CostReport:
    rule = _closed(request.mode)
    alone = numbers_at(deployment, 1.0, context, rule, price)["cost_usd_per_token"]
    balance = here["balance_batch_at_context"]
    at_balance = None
    if balance < _FAR:
        at_balance = numbers_at(deployment, max(balance, 1.0), context, rule, price)["cost_usd_per_token"] * 1e6
    floor = here["cost_floor_usd_per_token"]
    touched = touched_step_s(deployment, 1.0, context, rule) / numbers_at(deployment, 1.0, context, rule)["step_s"]
    return CostReport(
        usd_per_gpu_h=price,
        price_source=source,
        at_batch_1=alone * 1e6,
        at_batch=here["cost_usd_per_token"] * 1e6,
        at_balance=at_balance,
        floor=floor * 1e6,
        at_batch_1_touched=alone * 1e6 * touched,
        batch_1_over_floor=pricing.cost_ratio(usd_per_token=alone, reference_usd_per_token=floor) if price else 1.0,
    )


def _operator_cost(
    bound: CostReport, report: OperatorReport, deployment: Deployment, batch: float, profile: Efficiency
) -> CostReport:
    """The same report with what the operator engine makes of both batches; floor and balance stay bounds."""
    model, system, price = deployment.model, deployment.system, bound.usd_per_gpu_h
    alone_s = step_s_at(model, system, report, profile, 1.0)
    alone = usd_per_token(system, report, price, 1.0, alone_s) * 1e6
    here = usd_per_token(system, report, price, batch, float(report.step.step_s)) * 1e6
    return replace(bound, at_batch_1=alone, at_batch_1_touched=alone, at_batch=here,
                   batch_1_over_floor=alone / bound.floor if bound.floor else 1.0)  # fmt: skip


def _fast_mode(here: dict[str, Any], batch: float, speedup: float) -> FastMode:
    target_s = here["step_s"] / speedup
    smaller = f.batch_at_step_time(
        step_s=target_s,
        weights_s=here["weights_s"],
        compute_s_per_sequence=here["compute_s"] / batch,
        kv_s_per_sequence=here["kv_s"] / batch,
    )
    possible = smaller >= 1.0
    return FastMode(
        speedup=speedup,
        step_s=target_s,
        possible=possible,
        batch=smaller if possible else None,
        price_ratio=pricing.fast_tier_price_ratio(slow_batch=batch, fast_batch=smaller, speed_ratio=speedup)
        if possible
        else None,
        fastest_speedup=here["step_s"] / here["weight_floor_s"],
    )


def _train(deployment: Deployment, here: dict[str, Any]) -> Train:
    period_s = f.drain_time_s(memory_bytes=deployment.capacity_bytes, bytes_per_s=deployment.bytes_per_s)
    return Train(
        period_s=period_s,
        mean_wait_s=queueing.train_mean_wait_s(period_s=period_s),
        worst_wait_s=queueing.train_worst_wait_s(period_s=period_s),
        worst_latency_s=queueing.train_worst_latency_s(period_s=period_s),
        users_to_fill=here["balance_batch"],
    )


def _closed(mode: str) -> str:
    """The closed-form rule that goes with a mode: the operator engine's companion is the lecture's."""
    return "lecture" if mode == "operators" else mode


def analyze(request: AnalyzeRequest) -> AnalyzeResponse:
    """Answer for one model on one machine. A deployment that does not fit still answers: see `fit.fits`."""
    check_choice("mode", request.mode, ANALYZE_MODES)
    check_number("fast_speedup", request.fast_speedup, low=1.0, high=1e4)
    deployment = deploy(
        load_model(request.model),
        load_system(request.system),
        weight_dtype=request.weight_dtype,
        kv_dtype=request.kv_dtype,
    )
    defaults = list(deployment.defaults)
    context = _context(request, deployment, defaults)
    batch = _batch(request, deployment, context, defaults)
    price, price_source = _price(request, deployment, defaults)
    answer = _closed_form(request, deployment, batch, context, price, price_source)
    if request.mode == "operators":
        operated = _with_operators(request, answer, deployment, defaults)
        if operated.batch != batch:
            answer = _closed_form(request, deployment, operated.batch, context, price, price_source)
            again: list[Default] = []
            operated = _with_operators(replace(request, batch=operated.batch), answer, deployment, again)
            # the layout was looked for once more, at the batch that fits: say that one, not the first
            defaults = [c for c in defaults if c.field != "layout"] + [c for c in again if c.field == "layout"]
        answer = operated
    return replace(answer, defaults=tuple(defaults))


def _closed_form(
    request: AnalyzeRequest, deployment: Deployment, batch: float, context: float, price: float | None, source: str
) -> AnalyzeResponse:
    rule = _closed(request.mode)
    here = numbers_at(deployment, batch, context, rule, price)
    knee, system = here["knee_context"], deployment.system
    return AnalyzeResponse(
        model=deployment.model.id,
        model_name=deployment.model.name,
        system=system.id,
        system_name=system.name,
        announced=system.chip.announced,
        total_params=deployment.params,
        active_params=deployment.active_params,
        gpus=system.n_chips,
        gpus_in_pass=deployment.chips,
        batch=batch,
        context=context,
        fit=check_fit(deployment, batch, context),
        roofline=_response(here, rule),
        tpot_s=here["step_s"],
        tokens_per_s_per_user=f.user_tokens_per_s(step_s=here["step_s"]),
        output_tokens_per_s_per_gpu=here["tokens_per_s"] / deployment.chips,
        weight_floor_s=here["weight_floor_s"],
        drain_time_s=f.drain_time_s(memory_bytes=deployment.capacity_bytes, bytes_per_s=deployment.bytes_per_s),
        balance_batch=here["balance_batch"],
        practice_batch_low=2.0 * here["balance_batch"],
        practice_batch_high=3.0 * here["balance_batch"],
        knee_context=knee,
        mfu_limit_at_knee=1.0,
        mfu_limit_at_double_knee=_mfu_limit(deployment, 2.0 * knee),
        mfu_limit_at_context=_mfu_limit(deployment, context),
        touched_share=deployment.touched_params(batch) / deployment.read_params,
        touched_step_s=touched_step_s(deployment, batch, context, rule),
        cost=None if price is None else _cost(deployment, request, here, context, price, source),
        fast_mode=_fast_mode(here, batch, request.fast_speedup),
        train=_train(deployment, here),
        defaults=(),
        left_out=LEFT_OUT,
        warnings=deployment.model.warnings,
        deployment=deployment,
    )


def _with_operators(
    request: AnalyzeRequest, answer: AnalyzeResponse, deployment: Deployment, defaults: list[Default]
) -> AnalyzeResponse:
    """Step, cost and fast mode by the operator engine; the closed-form sections stay as bounds beside them."""
    model, system, batch = deployment.model, deployment.system, answer.batch
    report = operator_report(request, model, system, batch, answer.context, defaults)
    most = float(report.memory.sequences // report.layout.pp)
    if request.batch is None and 1.0 <= most < batch:
        why = f"the most that engine {request.engine} holds, short of the balance batch; set --batch"
        defaults[:] = [c for c in defaults if c.field != "batch"]
        defaults.append(Default(field="batch", value=f"{most:,.0f}", reason=why))
        return replace(answer, batch=most)
    profile = profile_for(system, request.engine, request.efficiency, model=model)
    tpot_s = float(report.step.step_s)
    cost = answer.cost
    return replace(
        answer,
        operators=report,
        operator_fixes=() if report.fits else nearest_fixes(request, model, system, report),
        tpot_s=tpot_s,
        tokens_per_s_per_user=f.user_tokens_per_s(step_s=tpot_s),
        output_tokens_per_s_per_gpu=report.output_tokens_per_s_per_gpu,
        cost=None if cost is None else _operator_cost(cost, report, deployment, batch, profile),
        fast_mode=fast_mode(model, system, report, profile, batch, request.fast_speedup),
        left_out=LEFT_OUT_OPERATORS,
        claim_level=report.claim_level,
    )


def _mfu_limit(deployment: Deployment, context: float) -> float:
    """Best MFU of any batch at this context, with the reads that the architecture really makes."""
    if context == float("inf"):
        return 1.0
    compute_s = f.compute_time_s(batch=1.0, active_params=deployment.active_params, flops_per_s=deployment.flops_per_s)
    return float(min(1.0, compute_s * deployment.bytes_per_s / deployment.read_bytes(max(context, 1.0))))
