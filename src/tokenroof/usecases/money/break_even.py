"""Self-hosting against an API: from which load on a rented or owned system is cheaper than the seller's bill."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated

from tokenroof.catalog.offers.bills import Usage, bill
from tokenroof.catalog.offers.index import in_usd
from tokenroof.catalog.offers.paths import find_offer
from tokenroof.errors import InputError
from tokenroof.formulas import ownership, serving_cost
from tokenroof.scenario.ranges import ranged
from tokenroof.types.checks import check_positive
from tokenroof.types.limits import Rate, Within
from tokenroof.types.offer import Offer
from tokenroof.types.served import Infeasible, Ranged
from tokenroof.types.workload import Workload
from tokenroof.usecases.analyze.sentence import hardware
from tokenroof.usecases.money.costs import Economics, EconomicsRequest, economics_at
from tokenroof.usecases.money.scene import Scene, served_scene

__all__ = ["BreakEvenRequest", "BreakEvenResponse", "MixPoint", "MonthlyDemand", "break_even"]

_DAY_S = 86400.0
_MONTH_S = 365.25 / 12.0 * _DAY_S
_MIXES = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakEvenRequest(EconomicsRequest):
    """`offer` is an offer by id or as `FILE.toml#ID`, `offer_mode` and `offer_window` its way of being served.
    `measured_tok_s` is output tokens per second of the whole busy system on this workload, in place of the predicted
    figure. `requests_per_s` is a demand to decide for, a mean over the hours of the traffic.
    """

    offer: str = ""
    offer_mode: str = "standard"
    offer_window: str = ""
    measured_tok_s: Annotated[float | None, Within(0.0, 1e12, "tokens/s", above=True)] = None
    requests_per_s: Rate = None
    rates: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class MixPoint:
    """Another ratio of input to output with as many tokens in all. Duty cycle above 1: the API is always cheaper.

    None where this system cannot serve the mix, or the API does not sell it.
    """

    input_per_output: float
    isl: float
    osl: float
    duty_cycle: float | None
    own_usd: float | None
    api_usd: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthlyDemand:
    """A mean request rate: systems for its peak, and a month's bill either way."""

    requests_per_s: float
    systems: int
    own_usd_per_month: float
    api_usd_per_month: float
    cheaper: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakEvenResponse:
    """`duty_cycle` is the crossing: share of the hours that the system has to be busy; above 1 there is none.

    `low` and `high` are the crossings at the lowest and highest rent. `requests_per_s` are of a system that is always
    busy, `crossing_requests_per_s` the mean rate at the crossing, `at_traffic_usd` a request's cost at the given
    traffic.
    """

    economics: Economics
    offer: str
    offer_name: str
    offer_as_of: str
    offer_source: str
    same_model: bool | None
    offer_mode: str
    request_api_usd: float
    request_busy_usd: Ranged
    at_traffic_usd: float
    requests_per_s: float
    measured: bool
    measured_over_predicted: float | None
    duty_cycle: float
    low: float
    high: float
    crossing_requests_per_s: float
    crossing_tokens_per_day: float
    cheaper_at_traffic: str
    sentence: str
    mixes: tuple[MixPoint, ...]
    demand: MonthlyDemand | None
    notes: tuple[str, ...]


def _request_usd(offer: Offer, work: Workload, mode: str, window: str) -> float:
    usage = Usage(
        input_tokens=round(work.isl), output_tokens=round(work.osl), cached_tokens=round(work.prefix), mode=mode,
        window=window,
    )  # fmt: skip
    return bill(offer, usage).total


def _crossing(scene: Scene, usd_per_gpu_h: float, rate: float, api_usd: float) -> float:
    """Busy share at which both cost the same. An owner's busy hours draw extra power, which the API has to beat too."""
    gpus, extra = scene.deployment.gpus, scene.machine.busy_extra_usd_per_h
    if extra > 0:
        return float(
            ownership.own_or_rent_duty_cycle(
                fixed_usd_per_gpu_s=(usd_per_gpu_h - extra * scene.duty_cycle) / 3600.0,
                busy_extra_usd_per_gpu_s=extra / 3600.0,
                rent_usd_per_gpu_s=rate * api_usd / gpus,
            )
        )
    return float(
        serving_cost.break_even_duty_cycle(
            usd_per_s=usd_per_gpu_h * gpus / 3600.0, requests_per_s=rate, usd_per_request=api_usd
        )
    )


def _sold(offer: Offer, work: Workload, request: BreakEvenRequest) -> float | None:
    """The API's bill; None where it does not sell requests of this length."""
    if offer.context is not None and work.isl > offer.context:
        return None
    return _request_usd(offer, work, request.offer_mode, request.offer_window)


def _mix(request: BreakEvenRequest, work: Workload, offer: Offer, scale: float) -> MixPoint:
    """The same question for requests of other lengths."""
    api_usd = _sold(offer, work, request)
    asked = replace(request, isl=work.isl, osl=work.osl, prefix=work.prefix, context=None)
    scene = served_scene(asked)
    duty = own = None
    if not isinstance(scene, Infeasible) and api_usd is not None and api_usd > 0:
        rate = scale * scene.served.requests_per_s
        duty = _crossing(scene, scene.machine.usd_per_gpu_h, rate, api_usd)
        own = scene.usd_per_s / rate
    return MixPoint(
        input_per_output=work.isl / work.osl, isl=work.isl, osl=work.osl, duty_cycle=duty, own_usd=own, api_usd=api_usd
    )


def _mixes(request: BreakEvenRequest, work: Workload, offer: Offer, scale: float) -> tuple[MixPoint, ...]:
    """The same number of tokens a request, shared differently; the cached share of the input stays."""
    total, cached = work.isl + work.osl, work.prefix / work.isl
    mixes = {work.isl: work}
    for ratio in _MIXES:
        isl = max(1.0, round(total * ratio / (1.0 + ratio)))
        osl = max(2.0, total - isl)
        mixes.setdefault(isl, Workload(isl=isl, osl=osl, prefix=min(float(int(cached * isl)), isl - 1.0)))
    return tuple(_mix(request, mixes[isl], offer, scale) for isl in sorted(mixes))


def _demand(request: BreakEvenRequest, scene: Scene, rate: float, api_usd: float) -> MonthlyDemand | None:
    if request.requests_per_s is None:
        return None
    mean = check_positive("requests_per_s", request.requests_per_s, high=1e9)
    systems = max(1, -int(-(mean / scene.duty_cycle / rate) // 1))
    own, api = systems * scene.usd_per_s * _MONTH_S, mean * api_usd * _MONTH_S
    return MonthlyDemand(
        requests_per_s=mean,
        systems=systems,
        own_usd_per_month=own,
        api_usd_per_month=api,
        cheaper="self-hosting" if own < api else "the API",
    )


def _count(tokens: float) -> str:
    """A large count in words: 1.21 billion."""
    for scale, word in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million")):
        if tokens >= scale:
            return f"{tokens / scale:.3g} {word}"
    return f"{tokens:,.0f}"


def _sentence(scene: Scene, offer: Offer, duty: float, rate: float, api_usd: float, busy_usd: float) -> str:
    work, name = scene.deployment.workload, hardware(scene.deployment)
    if duty > 1.0:
        return (
            f"The API is always cheaper: even fully busy, your own {name} costs ${busy_usd:.3g} a request against "
            f"${api_usd:.3g} from {offer.id}."
        )
    tokens = (work.isl + work.osl) * rate * duty * _DAY_S
    return (
        f"Your own {name} beats the API once busy {100 * duty:.0f} % of the time: from {rate * duty:.3g} requests/s, "
        f"or {_count(tokens)} tokens a day. Below that the API is cheaper."
    )


def _notes(scene: Scene, offer: Offer) -> tuple[str, ...]:
    notes = []
    model = scene.deployment.model
    if offer.model is None:
        notes.append("the API's weights are not public: quality is not compared")
    elif offer.model != model.id:
        notes.append(f"the API sells {offer.model}, not {model.id}: quality is not compared")
    if scene.machine.kind == "rented":
        notes.append("rent runs all 24 hours; GPUs given back at night have a duty cycle of their own")
    return tuple(notes)


def break_even(request: BreakEvenRequest) -> BreakEvenResponse | Infeasible:
    """Compare one system that is paid for every hour with paying by the request."""
    if not request.offer:
        raise InputError("offer", request.offer, "an offer", "see tokenroof offers")
    for name in ("request_rate", "users"):
        if getattr(request, name) is not None:
            limit, fix = "left out: a busy system is compared", "give requests_per_s for a demand"
            raise InputError(name, getattr(request, name), limit, fix)
    sold = find_offer(request.offer)
    if request.rates and sold.currency not in request.rates:
        raise InputError("rates", ", ".join(request.rates), f"of {sold.currency}, the currency of {sold.id}")
    offer, _ = in_usd(sold, request.rates)
    scene = served_scene(request)
    if isinstance(scene, Infeasible):
        return scene
    work = scene.deployment.workload
    api_usd = _request_usd(offer, work, request.offer_mode, request.offer_window)
    if api_usd <= 0:
        raise InputError("offer", offer.id, "an offer that charges for this request")
    predicted = economics_at(request, scene)
    rate, measured = predicted.requests_per_s, request.measured_tok_s
    if measured is not None:
        rate = check_positive("measured_tok_s", measured, high=1e12) / work.osl
    scale, machine = rate / predicted.requests_per_s, scene.machine
    duty = _crossing(scene, machine.usd_per_gpu_h, rate, api_usd)
    busy_usd = scene.usd_per_s / rate
    at_traffic = busy_usd / scene.duty_cycle
    busy = ranged("cost", busy_usd, scene.deployment.profile) if measured is None else Ranged(value=busy_usd)
    return BreakEvenResponse(
        economics=predicted,
        offer=offer.id,
        offer_name=offer.name,
        offer_as_of=offer.origin.as_of,
        offer_source=offer.origin.source,
        same_model=None if offer.model is None else offer.model == scene.deployment.model.id,
        offer_mode=request.offer_mode,
        request_api_usd=api_usd,
        request_busy_usd=busy,
        at_traffic_usd=at_traffic,
        requests_per_s=rate,
        measured=measured is not None,
        measured_over_predicted=scale if measured is not None else None,
        duty_cycle=duty,
        low=_crossing(scene, machine.low_usd_per_gpu_h, rate, api_usd),
        high=_crossing(scene, machine.high_usd_per_gpu_h, rate, api_usd),
        crossing_requests_per_s=duty * rate,
        crossing_tokens_per_day=duty * rate * (work.isl + work.osl) * _DAY_S,
        cheaper_at_traffic="self-hosting" if at_traffic < api_usd else "the API",
        sentence=_sentence(scene, offer, duty, rate, api_usd, busy_usd),
        mixes=_mixes(request, work, offer, scale),
        demand=_demand(request, scene, rate, api_usd),
        notes=_notes(scene, offer),
    )
