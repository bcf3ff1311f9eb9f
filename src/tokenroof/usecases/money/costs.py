"""What a token costs: machine time of a request, shared out over its tokens by a named rule.

time     fresh input pays for its prefill, cached input for the attention that new tokens pay to it, output for decode
flops    the request's cost is shared by arithmetic instead; cheap where decode waits for memory
output   output pays for everything, as a price sheet without an input price would
"""

from dataclasses import dataclass

from tokenroof.catalog import load_model, load_system
from tokenroof.catalog.profile import claim_level
from tokenroof.errors import InputError
from tokenroof.formulas import price_sheets, serving_cost
from tokenroof.scenario.machine_cost import MachineCost, OwnershipInputs, machine_cost
from tokenroof.types.checks import check_choice, check_number
from tokenroof.types.default import Default
from tokenroof.types.machine import System
from tokenroof.types.model import Model
from tokenroof.usecases.money.operating import Infeasible, Operating
from tokenroof.usecases.money.request import ServingRequest, candidates_for, operating_point, workload_of
from tokenroof.usecases.money.serving import Serving, Workload
from tokenroof.usecases.money.traffic import Traffic, traffic_of

__all__ = [
    "ALLOCATIONS", "Economics", "EconomicsRequest", "Margin", "Scene", "Shares", "TokenPrices",
    "economics", "economics_at", "margin_of", "point_of", "prices_of", "scene_of", "shares_of",
]  # fmt: skip

ALLOCATIONS = ("time", "flops", "output")
_MTOK = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class EconomicsRequest(ServingRequest):
    """What is served, on what, at which price. None means: choose, and say so.

    `own` and `owner` own the machines, at a price of one's own or at the catalogue's estimate; otherwise they are
    rented. `duty_cycle` or `traffic` says how much of the time they are busy. `blend` is tokens of fresh input, cached
    input and output that a blended price is stated for, None the request's own; `sell_usd_per_mtok` is in the same
    order.
    """

    usd_per_gpu_h: float | None = None
    own: OwnershipInputs | None = None
    owner: str | None = None
    duty_cycle: float | None = None
    traffic: str | None = None
    allocation: str = "time"
    blend: tuple[float, float, float] | None = None
    sell_usd_per_mtok: tuple[float, float, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """What one request takes of the whole system: seconds, and FLOP, by kind of token."""

    fresh_s: float
    cached_s: float
    decode_s: float
    fresh_flops: float
    cached_flops: float
    decode_flops: float

    @property
    def busy_s(self) -> float:
        """Time of the whole system for the request."""
        return self.fresh_s + self.cached_s + self.decode_s


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPrices:
    """USD per million tokens by kind under a rule. Cached is None where the request has no cached input."""

    allocation: str
    input_usd_per_mtok: float
    cached_usd_per_mtok: float | None
    output_usd_per_mtok: float
    blended_usd_per_mtok: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Margin:
    """One request at selling prices against its cost."""

    revenue_usd: float
    cost_usd: float
    markup: float
    gross_margin: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Everything that economics verbs share, looked up and checked once."""

    model: Model
    system: System
    load: Workload
    candidates: list[Serving]
    traffic: Traffic | None
    duty_cycle: float
    cost: MachineCost
    defaults: list[Default]

    @property
    def usd_per_s(self) -> float:
        """Price of the whole system per second, idle or not."""
        return self.cost.usd_per_s(self.system.n_chips)


@dataclass(frozen=True, slots=True, kw_only=True)
class Economics:
    """Cost of tokens at one operating point. Costs are of a machine that is busy `duty_cycle` of its time.

    In 80 % of measured cases machine time, and so cost, lay between `low` and `high` times what is given here.
    """

    model: str
    model_name: str
    system: str
    system_name: str
    announced: bool
    gpus: int
    workload: Workload
    point: Operating
    tokens_per_s_per_user: float
    output_tokens_per_s: float
    output_tokens_per_s_per_gpu: float
    input_tokens_per_s: float
    requests_per_s: float
    shares: Shares
    machine: MachineCost
    duty_cycle: float
    traffic: Traffic | None
    request_usd: float
    low: float
    high: float
    prices: TokenPrices
    by_rule: tuple[TokenPrices, ...]
    blend: tuple[float, float, float]
    margin: Margin | None
    profile: str
    claim_level: str
    defaults: tuple[Default, ...]


def _duty(request: EconomicsRequest, defaults: list[Default]) -> tuple[Traffic | None, float]:
    if request.duty_cycle is not None and request.traffic is not None:
        raise InputError("duty_cycle", request.duty_cycle, "left out when traffic is given")
    if request.traffic is not None:
        traffic = traffic_of(request.traffic)
        return traffic, traffic.duty_cycle
    if request.duty_cycle is not None:
        return None, check_number("duty_cycle", request.duty_cycle, low=1e-4, high=1.0)
    defaults.append(Default(field="duty cycle", value="100 %", reason="busy all the time"))
    return None, 1.0


def scene_of(request: EconomicsRequest) -> Scene:
    """Look up model, system and prices, and list the layouts. InputError for what cannot be used."""
    defaults: list[Default] = []
    check_choice("allocation", request.allocation, ALLOCATIONS)
    model, system = load_model(request.model), load_system(request.system)
    traffic, duty = _duty(request, defaults)
    cost = machine_cost(
        system, usd_per_gpu_h=request.usd_per_gpu_h, own=request.own, owner=request.owner, duty_cycle=duty,
        defaults=defaults,
    )  # fmt: skip
    return Scene(
        model=model, system=system, load=workload_of(request), candidates=candidates_for(request, model, system),
        traffic=traffic, duty_cycle=duty, cost=cost, defaults=defaults,
    )  # fmt: skip


def point_of(request: EconomicsRequest, scene: Scene) -> Operating | Infeasible:
    """The cheapest point that the request allows."""
    return operating_point(request, scene.model, scene.system, scene.candidates, scene.defaults)


def shares_of(point: Operating, load: Workload) -> Shares:
    """Machine time and arithmetic of one request. A cached token costs what new tokens pay to attend to it."""
    prompts = point.prefill
    fresh_s = prompts.prefill_s(load.fresh, load.fresh) if load.prefix else point.prefill_s
    fresh_flops = prompts.prefill_flops(load.fresh, load.fresh)
    all_flops = prompts.prefill_flops(load.fresh, load.isl) if load.prefix else fresh_flops
    return Shares(
        fresh_s=fresh_s,
        cached_s=max(point.prefill_s - fresh_s, 0.0),
        decode_s=load.osl * point.step_s / point.concurrency,
        fresh_flops=fresh_flops,
        cached_flops=max(all_flops - fresh_flops, 0.0),
        decode_flops=load.osl * point.serving.decode_flops(point.batch, load.context),
    )


def _parts(shares: Shares, allocation: str) -> tuple[float, float, float]:
    """Shares of the request's cost that fresh input, cached input and output carry."""
    if allocation == "output":
        return 0.0, 0.0, 1.0
    if allocation == "flops":
        parts = shares.fresh_flops, shares.cached_flops, shares.decode_flops
    else:
        parts = shares.fresh_s, shares.cached_s, shares.decode_s
    total = sum(parts)
    return parts[0] / total, parts[1] / total, parts[2] / total


def prices_of(
    shares: Shares, load: Workload, *, request_usd: float, allocation: str, blend: tuple[float, float, float]
) -> TokenPrices:
    """Cost per token of each kind; the three together recover the request's cost exactly."""
    fresh, cached, output = _parts(shares, allocation)

    def each(share: float, tokens: float) -> float:
        return float(serving_cost.allocated_usd_per_token(request_usd=request_usd, share=share, tokens=tokens))

    fresh_usd, output_usd = each(fresh, load.fresh), each(output, load.osl)
    cached_usd = each(cached, load.prefix) if load.prefix else None
    n_fresh, n_cached, n_output = blend
    if n_cached and cached_usd is None:
        raise InputError("blend", blend, "without cached input, since the request has no prefix", "set --prefix")
    n_input = n_fresh + n_cached
    input_usd = price_sheets.input_usd_per_token(
        fresh_usd_per_token=fresh_usd, hit_usd_per_token=cached_usd or 0.0,
        hit_share=n_cached / n_input if n_input else 0.0,
    )  # fmt: skip
    blended = price_sheets.blended_usd_per_token(
        input_usd_per_token=input_usd, output_usd_per_token=output_usd, input_tokens=n_input, output_tokens=n_output
    )
    return TokenPrices(
        allocation=allocation,
        input_usd_per_mtok=fresh_usd * _MTOK,
        cached_usd_per_mtok=None if cached_usd is None else cached_usd * _MTOK,
        output_usd_per_mtok=output_usd * _MTOK,
        blended_usd_per_mtok=blended * _MTOK,
    )


def margin_of(load: Workload, request_usd: float, sell_usd_per_mtok: tuple[float, float, float]) -> Margin:
    """A request sold at prices of fresh input, cached input and output per million tokens."""
    fresh, cached, output = (check_number("sell", price, low=0.0, high=1e6) / _MTOK for price in sell_usd_per_mtok)
    revenue = price_sheets.revenue_usd(
        hit_tokens=load.prefix, fresh_tokens=load.fresh, output_tokens=load.osl, hit_usd_per_token=cached,
        fresh_usd_per_token=fresh, output_usd_per_token=output,
    )  # fmt: skip
    if revenue <= 0 or request_usd <= 0:
        raise InputError("sell", sell_usd_per_mtok, "prices that earn something, for a request that costs something")
    return Margin(
        revenue_usd=revenue,
        cost_usd=request_usd,
        markup=price_sheets.markup(revenue=revenue, cost=request_usd),
        gross_margin=price_sheets.gross_margin(revenue=revenue, cost=request_usd),
    )


def blend_of(request: EconomicsRequest, load: Workload) -> tuple[float, float, float]:
    """Tokens of each kind that a blended price is stated for."""
    blend = request.blend or (load.fresh, load.prefix, load.osl)
    for part in blend:
        check_number("blend", part, low=0.0, high=1e12)
    if sum(blend) <= 0:
        raise InputError("blend", blend, "at least one token")
    return blend


def economics_at(request: EconomicsRequest, scene: Scene, point: Operating) -> Economics:
    """All about one operating point."""
    load, duty, gpus = scene.load, scene.duty_cycle, scene.system.n_chips
    shares = shares_of(point, load)
    request_usd = serving_cost.request_cost_usd(usd_per_s=scene.usd_per_s, busy_s=shares.busy_s, duty_cycle=duty)
    blend = blend_of(request, load)
    by_rule = tuple(
        prices_of(shares, load, request_usd=request_usd, allocation=rule, blend=blend) for rule in ALLOCATIONS
    )
    rate = serving_cost.requests_per_s(prefill_s=shares.fresh_s + shares.cached_s, decode_s=shares.decode_s)
    sell = request.sell_usd_per_mtok
    profile = point.serving.profile
    return Economics(
        model=scene.model.id,
        model_name=scene.model.name,
        system=scene.system.id,
        system_name=scene.system.name,
        announced=scene.system.chip.announced,
        gpus=gpus,
        workload=load,
        point=point,
        tokens_per_s_per_user=1.0 / point.tpot_s,
        output_tokens_per_s=rate * load.osl,
        output_tokens_per_s_per_gpu=rate * load.osl / gpus,
        input_tokens_per_s=rate * load.isl,
        requests_per_s=rate,
        shares=shares,
        machine=scene.cost,
        duty_cycle=duty,
        traffic=scene.traffic,
        request_usd=request_usd,
        low=profile.low,
        high=profile.high,
        prices=next(prices for prices in by_rule if prices.allocation == request.allocation),
        by_rule=by_rule,
        blend=blend,
        margin=None if sell is None else margin_of(load, request_usd, sell),
        profile=profile.id,
        claim_level=claim_level(profile),
        defaults=tuple(scene.defaults),
    )


def economics(request: EconomicsRequest) -> Economics | Infeasible:
    """Cost per token of a model on a system at the cheapest point that the request allows."""
    scene = scene_of(request)
    point = point_of(request, scene)
    return point if isinstance(point, Infeasible) else economics_at(request, scene, point)
