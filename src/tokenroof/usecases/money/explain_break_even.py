"""Where numbers of `break-even` came from: a request's bill there, its cost here, and where both meet."""

from collections.abc import Callable, Mapping

from tokenroof.errors import UnknownName
from tokenroof.formulas import ownership, serving_cost
from tokenroof.operators.explain import Explanation, explain
from tokenroof.provenance import Fact, Grade, assumed, given
from tokenroof.usecases.money.break_even import BreakEvenResponse
from tokenroof.usecases.money.explain import COUNTED, check_key, modelled, rent
from tokenroof.xp import Num

__all__ = ["BREAK_EVEN_KEYS", "explain_break_even"]

BREAK_EVEN_KEYS: Mapping[str, str] = {
    "duty_cycle": "1", "crossing_requests_per_s": "1/s", "crossing_tokens_per_day": "token", "request_busy_usd": "USD",
    "request_api_usd": "USD",
}  # fmt: skip
_HOUR_S, _DAY_S = 3600.0, 86_400.0
_DAY = "2026-11-25"
_LEFT_OUT = ("hours in which GPUs are given back", "people who run the machines", "what the API may charge tomorrow")


def _facts(answer: BreakEvenResponse) -> dict[str, Fact]:
    """Rent or an owner's hour, how many requests a busy system completes, and the API's bill for one."""
    economics = answer.economics
    deployment, machine, work = economics.deployment, economics.machine, economics.workload
    extra = machine.busy_extra_usd_per_h
    kind = f"{machine.source}, drawn while busy" if extra > 0 else "rent runs at all hours"
    rate = given(answer.requests_per_s, "1/s", "measured tokens a second, over those of a request")
    tokens = f"{work.isl:,.0f} tokens in, {work.osl:,.0f} out by the sheet {answer.offer}"
    found = {
        "gpus": given(float(economics.gpus), "GPU", "GPUs of the system"),
        "requests_per_s": rate if answer.measured else modelled(answer.requests_per_s, "1/s", deployment.profile),
        "request_api_usd": Fact(
            value=answer.request_api_usd, unit="USD", source=answer.offer_source, as_of=answer.offer_as_of or _DAY,
            grade=Grade.REPORTED, note=tokens,
        ),
        "tokens": given(work.isl + work.osl, "token", "tokens of a request, prompt and answer"),
    }  # fmt: skip
    if extra <= 0:
        return {**found, "usd_per_gpu_s": rent(machine.usd_per_gpu_h, machine.source, deployment.system)}
    hour = machine.usd_per_gpu_h - extra * economics.duty_cycle
    return {
        **found,
        "usd_per_gpu_s": assumed(hour / _HOUR_S, "USD/GPU/s", f"{machine.source}, without busy hours' power"),
        "busy_usd_per_gpu_s": assumed(extra / _HOUR_S, "USD/GPU/s", kind),
        "duty_now": assumed(economics.duty_cycle, "1", "share of the hours that the system is busy"),
    }


def _duty(x: Mapping[str, Num], xp: object) -> Num:
    if "busy_usd_per_gpu_s" not in x:
        return serving_cost.break_even_duty_cycle(
            usd_per_s=x["usd_per_gpu_s"] * x["gpus"], requests_per_s=x["requests_per_s"],
            usd_per_request=x["request_api_usd"], xp=xp,  # type: ignore[arg-type]
        )  # fmt: skip
    return ownership.own_or_rent_duty_cycle(
        fixed_usd_per_gpu_s=x["usd_per_gpu_s"], busy_extra_usd_per_gpu_s=x["busy_usd_per_gpu_s"],
        rent_usd_per_gpu_s=x["requests_per_s"] * x["request_api_usd"] / x["gpus"], xp=xp,  # type: ignore[arg-type]
    )  # fmt: skip


def _busy(x: Mapping[str, Num]) -> Num:
    """What a request costs where the system is busy as often as it is."""
    each = x["usd_per_gpu_s"]
    if "busy_usd_per_gpu_s" in x:
        each = each + x["busy_usd_per_gpu_s"] * x["duty_now"]
    return each * x["gpus"] / x["requests_per_s"]


_NUMBERS: Mapping[str, Callable[[Mapping[str, Num], object], Num]] = {
    "duty_cycle": _duty,
    "crossing_requests_per_s": lambda x, xp: _duty(x, xp) * x["requests_per_s"],
    "crossing_tokens_per_day": lambda x, xp: _duty(x, xp) * x["requests_per_s"] * x["tokens"] * _DAY_S,
    "request_busy_usd": lambda x, xp: _busy(x),
    "request_api_usd": lambda x, xp: x["request_api_usd"],
}


def explain_break_even(answer: BreakEvenResponse, key: str) -> Explanation:
    """The derivation of one number of `break-even`."""
    check_key(key, tuple(BREAK_EVEN_KEYS))
    if "crossing" in key and answer.duty_cycle > 1.0:
        raise UnknownName("number", key, (), "the API is cheaper at any load: there is no crossing")

    def number(*, xp: object, **x: Num) -> Num:
        return _NUMBERS[key](x, xp)

    return explain(
        number, _facts(answer), name=key, unit=BREAK_EVEN_KEYS[key], left_out=_LEFT_OUT, held=COUNTED
    )  # fmt: skip
