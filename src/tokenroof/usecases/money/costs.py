"""What a token costs on a deployment under its load, by the rule that shares a request's cost among its tokens."""

from dataclasses import dataclass, field

from tokenroof.errors import InputError
from tokenroof.formulas import price_sheets
from tokenroof.scenario.costs import ALLOCATIONS, Shares, cost_of, shares_of
from tokenroof.scenario.deployment import Deployment
from tokenroof.scenario.energy import Energy, energy_of
from tokenroof.scenario.layouts import unit_label
from tokenroof.scenario.machine_cost import MachineCost
from tokenroof.scenario.machines import machine_ids, machine_names
from tokenroof.scenario.ranges import ranged
from tokenroof.types.checks import check_number
from tokenroof.types.default import Default
from tokenroof.types.layout import Layout
from tokenroof.types.served import Cost, Infeasible, Ranged, Served
from tokenroof.types.workload import Workload
from tokenroof.usecases.money.scene import EconomicsRequest, Scene, served_scene
from tokenroof.usecases.money.traffic import Traffic

__all__ = [
    "ALLOCATIONS", "Economics", "EconomicsRequest", "Margin", "TokenPrices", "blended", "economics", "economics_at",
    "margin_of",
]  # fmt: skip

_MTOK = 1e6
_LEFT_OUT = ("queueing from bursts of arrivals", "the seller's margin")


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
class Economics:
    """Cost of tokens under one load. Costs are of a system that is busy `duty_cycle` of its time.

    `tpot_s`, `output_tokens_per_s_per_gpu` and costs have the 80 % range of measured cases. `shares` are of a request's
    cost by machine time. `by_rule` has the costs under every rule, `all_on_output_usd_per_mtok` the one that most
    tools quote.
    """

    model: str
    model_name: str
    system: str
    system_name: str
    announced: bool
    gpus: int
    gpus_idle: int
    layout: Layout
    layout_label: str
    layout_reason: str
    replicas: int
    engine: str
    workload: Workload
    served: Served
    tpot_limit_s: float | None
    tpot_s: Ranged
    tokens_per_s_per_user: float
    output_tokens_per_s_per_gpu: Ranged
    input_tokens_per_s_per_gpu: float
    requests_per_s: float
    shares: Shares
    machine: MachineCost
    duty_cycle: float
    traffic: Traffic | None
    allocation: str
    request_usd: Ranged
    input_usd_per_mtok: Ranged
    cached_usd_per_mtok: Ranged | None
    output_usd_per_mtok: Ranged
    blended_usd_per_mtok: Ranged
    all_on_output_usd_per_mtok: Ranged
    by_rule: tuple[TokenPrices, ...]
    blend: tuple[float, float, float]
    margin: Margin | None
    energy: Energy | None
    profile: str
    claim: str
    defaults: tuple[Default, ...]
    warnings: tuple[str, ...]
    left_out: tuple[str, ...] = _LEFT_OUT
    deployment: Deployment = field(repr=False)


def blended(cost: Cost, blend: tuple[float, float, float]) -> float:
    """USD per million tokens at a ratio of uncached input, cached input and output."""
    uncached, cached, output = blend
    if cached and cost.cached_usd_per_mtok is None:
        raise InputError("blend", blend, "without cached input, since the request has no prefix", "give a prefix")
    n_input = uncached + cached
    input_usd = price_sheets.input_usd_per_token(
        fresh_usd_per_token=cost.input_usd_per_mtok, hit_usd_per_token=cost.cached_usd_per_mtok or 0.0,
        hit_share=cached / n_input if n_input else 0.0,
    )  # fmt: skip
    return float(
        price_sheets.blended_usd_per_token(
            input_usd_per_token=input_usd, output_usd_per_token=cost.output_usd_per_mtok, input_tokens=n_input,
            output_tokens=output,
        )
    )  # fmt: skip


def margin_of(work: Workload, request_usd: float, sell: tuple[float, float, float]) -> Margin:
    """A request sold at prices of uncached input, cached input and output per million tokens."""
    uncached, cached, output = (check_number("sell", price, low=0.0, high=1e6) / _MTOK for price in sell)
    revenue = price_sheets.revenue_usd(
        hit_tokens=work.prefix, fresh_tokens=work.isl - work.prefix, output_tokens=work.osl, hit_usd_per_token=cached,
        fresh_usd_per_token=uncached, output_usd_per_token=output,
    )  # fmt: skip
    if revenue <= 0 or request_usd <= 0:
        raise InputError("sell", sell, "prices that earn something, for a request that costs something")
    return Margin(
        revenue_usd=revenue,
        cost_usd=request_usd,
        markup=price_sheets.markup(revenue=revenue, cost=request_usd),
        gross_margin=price_sheets.gross_margin(revenue=revenue, cost=request_usd),
    )


def _of_three(numbers: tuple[float, ...], cached: float) -> tuple[float, float, float]:
    """Numbers of uncached input, cached input and output; `cached` is the second where only two are given."""
    return (numbers[0], cached, numbers[1]) if len(numbers) == 2 else (numbers[0], numbers[1], numbers[2])


def _blend_of(request: EconomicsRequest, work: Workload) -> tuple[float, float, float]:
    """Tokens of each kind that a blended price is stated for."""
    blend = _of_three(request.blend or (work.uncached, work.prefix, work.osl), 0.0)
    for part in blend:
        check_number("blend", part, low=0.0, high=1e12)
    if sum(blend) <= 0:
        raise InputError("blend", blend, "at least one token")
    return blend


def economics_at(request: EconomicsRequest, scene: Scene) -> Economics:
    """All that a load costs."""
    deployment, served = scene.deployment, scene.served
    sell = request.sell
    work, machines, profile = deployment.workload, deployment.machines, deployment.profile
    costs = {
        rule: cost_of(
            deployment, served, scene.machine.usd_per_gpu_h, duty_cycle=scene.duty_cycle, allocation=rule
        )
        for rule in ALLOCATIONS
    }  # fmt: skip
    blend, cost = _blend_of(request, work), costs[scene.allocation]
    by_rule = tuple(
        TokenPrices(
            allocation=rule, input_usd_per_mtok=one.input_usd_per_mtok, cached_usd_per_mtok=one.cached_usd_per_mtok,
            output_usd_per_mtok=one.output_usd_per_mtok, blended_usd_per_mtok=blended(one, blend),
        )
        for rule, one in costs.items()
    )  # fmt: skip

    def usd(value: float) -> Ranged:
        return ranged("cost", value, profile)

    return Economics(
        model=deployment.model.id,
        model_name=deployment.model.name,
        system=machine_ids(machines),
        system_name=machine_names(machines),
        announced=any(machine.chip.announced for machine in machines),
        gpus=deployment.gpus,
        gpus_idle=deployment.gpus_idle,
        layout=deployment.layout,
        layout_label=unit_label(deployment, deployment.replicas),
        layout_reason=deployment.layout_reason,
        replicas=deployment.replicas,
        engine=deployment.engine,
        workload=work,
        served=served,
        tpot_limit_s=deployment.limits.tpot_s,
        tpot_s=ranged("tpot", served.tpot_s, profile),
        tokens_per_s_per_user=1.0 / served.tpot_s,
        output_tokens_per_s_per_gpu=ranged("throughput", served.output_tokens_per_s_per_gpu, profile),
        input_tokens_per_s_per_gpu=served.input_tokens_per_s_per_gpu,
        requests_per_s=served.requests_per_s,
        shares=shares_of(deployment, served),
        energy=energy_of(deployment, served),
        machine=scene.machine,
        duty_cycle=scene.duty_cycle,
        traffic=scene.traffic,
        allocation=scene.allocation,
        request_usd=usd(cost.request_usd),
        input_usd_per_mtok=usd(cost.input_usd_per_mtok),
        cached_usd_per_mtok=None if cost.cached_usd_per_mtok is None else usd(cost.cached_usd_per_mtok),
        output_usd_per_mtok=usd(cost.output_usd_per_mtok),
        blended_usd_per_mtok=usd(blended(cost, blend)),
        all_on_output_usd_per_mtok=usd(costs["output"].output_usd_per_mtok),
        by_rule=by_rule,
        blend=blend,
        margin=None if sell is None else margin_of(work, cost.request_usd, _of_three(sell, sell[0])),
        profile=profile.id,
        claim=deployment.claim,
        defaults=scene.defaults,
        warnings=scene.deployment.warnings,
        deployment=deployment,
    )


def economics(request: EconomicsRequest) -> Economics | Infeasible:
    """Cost per token of a model on a system under the load that the request names, or filled up to its limits."""
    scene = served_scene(request)
    return scene if isinstance(scene, Infeasible) else economics_at(request, scene)
