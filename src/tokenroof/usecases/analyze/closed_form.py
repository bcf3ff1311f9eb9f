"""The raw model from numbers alone, behind `tokenroof roofline` and `tokenroof analyze`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

from tokenroof.formulas import pricing
from tokenroof.formulas import roofline as f
from tokenroof.types.checks import check_choice, check_number, check_positive
from tokenroof.types.limits import OneOf, Within
from tokenroof.xp import SCALAR, Namespace, Num

__all__ = ["RULES", "RooflineRequest", "RooflineResponse", "roofline", "roofline_numbers"]

RULES: dict[str, Callable[..., Num]] = {
    "lecture": f.step_time_lecture_s,
    "text": f.step_time_text_s,
    "book": f.step_time_book_s,
}


# Below these, times would leave the range of floats.
_LEAST = {
    "flops_per_s": 1.0, "bytes_per_s": 1.0, "params": 1.0, "active_params": 1.0, "bytes_per_param": 1e-9, "batch": 1e-9,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class RooflineRequest:
    """A model and a machine as bare numbers. `flops_per_s` is dense, 2 FLOP per multiply-add.

    `active_params` None: all of them.
    """

    params: float
    active_params: float | None = None
    bytes_per_param: float = 1.0
    kv_bytes_per_token: float = 0.0
    flops_per_s: Annotated[float, Within(1.0, 1e30, "FLOP/s")]
    bytes_per_s: Annotated[float, Within(1.0, 1e30, "B/s")]
    context: Annotated[float, Within(0.0, 1e30, "tokens")] = 0.0
    batch: float = 1.0
    rule: Annotated[str, OneOf(tuple(RULES))] = "lecture"
    usd_per_h: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RooflineResponse:
    """Lower bounds on time and cost of one decode step. Infinity means that there is no such limit."""

    compute_s: float
    weights_s: float
    kv_s: float
    step_s: float
    bound: str
    weight_floor_s: float
    critical_batch: float
    critical_batch_at_context: float
    critical_context: float
    mfu: float
    ridge: float
    decode_tokens_per_s: float
    cost_usd_per_mtok: float | None
    cost_floor_usd_per_mtok: float | None
    rule: str = "lecture"
    claim: str = "bound"


def roofline_numbers(inputs: Mapping[str, Num], rule: str = "lecture", xp: Namespace = SCALAR) -> dict[str, Num]:
    """Every number of the closed form, for floats, arrays or traced numbers.

    `inputs` holds params, active_params, bytes_per_param, kv_bytes_per_token, flops_per_s, bytes_per_s,
    context, batch, and optionally usd_per_s; all in SI base units, over all chips that work on one step.
    """
    batch, rates = inputs["batch"], {k: inputs[k] for k in ("bytes_per_s",)}
    compute_s = f.compute_time_s(
        batch=batch, active_params=inputs["active_params"], flops_per_s=inputs["flops_per_s"], xp=xp
    )
    weights_s = f.weight_time_s(params=inputs["params"], bytes_per_param=inputs["bytes_per_param"], **rates, xp=xp)
    kv_s = f.kv_time_s(
        batch=batch,
        context=inputs["context"],
        kv_bytes_per_token=inputs["kv_bytes_per_token"],
        **rates,
        xp=xp,
    )
    step_s = RULES[rule](compute_s=compute_s, weights_s=weights_s, kv_s=kv_s, xp=xp)
    ridge = f.ridge_tokens(flops_per_s=inputs["flops_per_s"], bytes_per_param=inputs["bytes_per_param"], **rates, xp=xp)
    balance = f.balance_batch(ridge=ridge, params=inputs["params"], active_params=inputs["active_params"], xp=xp)
    knee = f.knee_context(
        active_params=inputs["active_params"],
        flops_per_s=inputs["flops_per_s"],
        kv_bytes_per_token=inputs["kv_bytes_per_token"],
        **rates,
        xp=xp,
    )
    numbers = {
        "compute_s": compute_s,
        "weights_s": weights_s,
        "kv_s": kv_s,
        "step_s": step_s,
        "weight_floor_s": weights_s,
        "ridge": ridge,
        "critical_batch": balance,
        "critical_context": knee,
        "critical_batch_at_context": f.balance_batch_at_context(
            balance=balance, context=inputs["context"], knee=knee, xp=xp
        ),
        "mfu": f.mfu(compute_s=compute_s, step_s=step_s, xp=xp),
        "decode_tokens_per_s": f.decode_tokens_per_s(batch=batch, step_s=step_s, xp=xp),
    }
    if "usd_per_s" in inputs:
        usd_per_s = inputs["usd_per_s"]
        numbers["cost_usd_per_token"] = pricing.cost_usd_per_token(
            usd_per_s=usd_per_s, step_s=step_s, batch=batch, xp=xp
        )
        floor = pricing.cost_floor_book_usd_per_token if rule == "book" else pricing.cost_floor_usd_per_token
        private = ("active_params", "flops_per_s", "context", "kv_bytes_per_token", "bytes_per_s")
        numbers["cost_floor_usd_per_token"] = floor(
            usd_per_s=usd_per_s, **{name: inputs[name] for name in private}, xp=xp
        )
    return numbers


def bound_of(numbers: Mapping[str, Any], rule: str) -> str:
    """What sets the step time: `compute`, `weights` or `kv`."""
    memory = "weights" if numbers["weights_s"] >= numbers["kv_s"] else "kv"
    if rule == "book":
        parts = {k: numbers[f"{k}_s"] for k in ("compute", "weights", "kv")}
        return max(parts, key=lambda k: parts[k])
    traffic = numbers["weights_s"] + numbers["kv_s"] if rule == "lecture" else numbers[f"{memory}_s"]
    return "compute" if numbers["compute_s"] >= traffic else memory


def roofline(request: RooflineRequest) -> RooflineResponse:
    """Bounds for one point. Raises InputError for quantities that are negative, zero, NaN or infinite."""
    check_choice("rule", request.rule, RULES)
    active = request.params if request.active_params is None else request.active_params
    request = replace(request, active_params=active)
    for name in ("params", "active_params", "bytes_per_param", "flops_per_s", "bytes_per_s", "batch"):
        check_positive(name, getattr(request, name))
    for name, low in _LEAST.items():
        check_number(name, getattr(request, name), low=low)
    for name in ("kv_bytes_per_token", "context"):
        check_number(name, getattr(request, name), low=0.0, high=1e30)
    check_number("active_params", active, high=request.params, fix="active cannot exceed total")
    names = ("params", "active_params", "bytes_per_param", "kv_bytes_per_token", "flops_per_s", "bytes_per_s")
    inputs = {name: float(getattr(request, name)) for name in (*names, "context", "batch")}
    if request.usd_per_h is not None:
        inputs["usd_per_s"] = check_number("price_per_hour", request.usd_per_h, low=0.0, high=1e12) / 3600.0
    numbers = roofline_numbers(inputs, request.rule)
    cost, floor = numbers.pop("cost_usd_per_token", None), numbers.pop("cost_floor_usd_per_token", None)
    return RooflineResponse(
        **numbers,
        bound=bound_of(numbers, request.rule),
        cost_usd_per_mtok=None if cost is None else cost * 1e6,
        cost_floor_usd_per_mtok=None if floor is None else floor * 1e6,
        rule=request.rule,
    )
