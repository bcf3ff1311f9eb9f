"""What the money verbs ask together: one scenario, served, and the price of the machines that serve it."""

from dataclasses import dataclass, replace
from typing import Annotated

from tokenroof.errors import InputError
from tokenroof.scenario.costs import ALLOCATIONS
from tokenroof.scenario.deployment import Deployment
from tokenroof.scenario.machine_cost import OWNERS, POWERS, MachineCost, OwnershipInputs
from tokenroof.scenario.machines import fleet_cost
from tokenroof.scenario.resolve import resolve
from tokenroof.scenario.unmet import unmet
from tokenroof.types.default import Default
from tokenroof.types.limits import OneOf, Parts, Within
from tokenroof.types.scenario import Scenario
from tokenroof.types.served import Infeasible, Served
from tokenroof.usecases.money.traffic import Traffic, traffic_of

__all__ = ["EconomicsRequest", "Scene", "served_scene"]

# field of a request -> what it is of a bought GPU
_OWNED = {
    "years": "years", "cost_of_capital": "yearly_rate", "upkeep": "upkeep", "electricity": "usd_per_kwh", "pue": "pue",
    "power": "power", "watts_per_gpu": "watts_per_gpu",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class EconomicsRequest(Scenario):
    """A scenario and what its machines cost.

    `capex_per_gpu` and `owner` own the machines, at a price of one's own or at the catalogue's estimate; otherwise they
    are rented. With `capex_per_gpu` go `years` until written off, `cost_of_capital` and `upkeep` a year over the price,
    `electricity` in USD a kWh, `pue` and the `power` of a GPU, or its `watts_per_gpu`. `duty_cycle` or `traffic` says
    how much of the time they are busy. `blend` is tokens of uncached input, cached input and output that a blended
    price is stated for, None the request's own; `sell` is selling prices per million tokens in the same order. Where
    two are given there is no cached input in the blend, and it sells as uncached input.
    """

    owner: Annotated[str | None, OneOf(OWNERS)] = None
    capex_per_gpu: Annotated[float | None, Within(0.0, 1e8, "dollars", above=True)] = None
    years: Annotated[float | None, Within(0.25, 30.0)] = None
    cost_of_capital: Annotated[float | None, Within(0.0, 1.0)] = None
    upkeep: Annotated[float | None, Within(0.0, 1.0)] = None
    electricity: Annotated[float | None, Within(0.0, 10.0, "dollars")] = None
    pue: Annotated[float | None, Within(1.0, 5.0)] = None
    power: Annotated[str | None, OneOf(POWERS)] = None
    watts_per_gpu: Annotated[float | None, Within(0.0, 1e5, "watts", above=True)] = None
    duty_cycle: Annotated[float | None, Within(1e-4, 1.0)] = None
    traffic: str | None = None
    allocation: Annotated[str, OneOf(ALLOCATIONS)] = "time"
    blend: Annotated[tuple[float, ...] | None, Parts(":", (2, 3), "IN:OUT or IN:CACHED:OUT")] = None
    sell: Annotated[tuple[float, ...] | None, Parts(",", (2, 3), "IN,OUT or IN,CACHED,OUT")] = None

    @property
    def own(self) -> OwnershipInputs | None:
        """The machines as bought, None where no purchase price is given."""
        if self.capex_per_gpu is None:
            return None
        given = {field: getattr(self, name) for name, field in _OWNED.items() if getattr(self, name) is not None}
        return OwnershipInputs(capex_usd_per_gpu=self.capex_per_gpu, **given)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A deployment under its load, with what its GPUs cost."""

    deployment: Deployment
    served: Served
    machine: MachineCost
    traffic: Traffic | None
    duty_cycle: float
    allocation: str
    defaults: tuple[Default, ...]

    @property
    def usd_per_s(self) -> float:
        """Price of the whole system per second, idle or not."""
        return self.machine.usd_per_s(self.deployment.gpus)

    @property
    def request_busy_usd(self) -> float:
        """Price of one request on a system that is always busy."""
        return self.usd_per_s / self.served.requests_per_s


def _rented_or_owned(request: EconomicsRequest) -> None:
    """InputError where two prices are given, or what is about owned machines without the price of one."""
    prices = ("price_per_gpu_hour", "capex_per_gpu", "owner")
    given = [name for name in prices if getattr(request, name) is not None]
    if len(given) > 1:
        raise InputError(given[0], getattr(request, given[0]), f"left out beside `{given[1]}`", "one price is enough")
    for name in _OWNED if request.capex_per_gpu is None else ():
        if getattr(request, name) is not None:
            why = "given with `capex_per_gpu`: it is of owned machines"
            raise InputError(name, getattr(request, name), why)


def _duty(request: EconomicsRequest, defaults: list[Default]) -> tuple[Traffic | None, float]:
    if request.duty_cycle is not None and request.traffic is not None:
        raise InputError("duty_cycle", request.duty_cycle, "left out when traffic is given")
    if request.traffic is not None:
        traffic = traffic_of(request.traffic)
        return traffic, traffic.duty_cycle
    if request.duty_cycle is not None:
        return None, request.duty_cycle
    defaults.append(Default(field="duty_cycle", value="100 %", reason="busy all the time"))
    return None, 1.0


def served_scene(request: EconomicsRequest) -> Scene | Infeasible:
    """Resolve, price and serve. InputError for what cannot be used, Infeasible for what does not hold its load."""
    _rented_or_owned(request)
    deployment = resolve(request)
    said: list[Default] = []
    traffic, duty = _duty(request, said)
    machine = fleet_cost(
        deployment.machines, usd_per_gpu_h=request.price_per_gpu_hour, own=request.own, owner=request.owner,
        duty_cycle=duty, defaults=said,
    )  # fmt: skip
    served = deployment.serve()
    missed = unmet(deployment, served)
    if missed is not None:
        return missed
    kept = tuple(one for one in deployment.defaults if one.field != "price_per_gpu_hour")
    return Scene(
        deployment=replace(deployment, price=machine), served=served, machine=machine, traffic=traffic,
        duty_cycle=duty, allocation=request.allocation, defaults=(*kept, *said),
    )  # fmt: skip
