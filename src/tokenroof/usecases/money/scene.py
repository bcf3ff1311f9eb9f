"""What the money verbs ask together: one scenario, served, and the price of the machines that serve it."""

from dataclasses import dataclass, replace
from typing import Annotated

from tokenroof.errors import InputError
from tokenroof.scenario.costs import ALLOCATIONS
from tokenroof.scenario.deployment import Deployment
from tokenroof.scenario.machine_cost import OWNERS, MachineCost, OwnershipInputs, machine_cost
from tokenroof.scenario.resolve import resolve
from tokenroof.scenario.unmet import unmet
from tokenroof.types.default import Default
from tokenroof.types.limits import OneOf, Within
from tokenroof.types.scenario import Scenario
from tokenroof.types.served import Infeasible, Served
from tokenroof.usecases.money.traffic import Traffic, traffic_of

__all__ = ["EconomicsRequest", "Scene", "served_scene"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EconomicsRequest(Scenario):
    """A scenario and what its machines cost.

    `own` and `owner` own the machines, at a price of one's own or at the catalogue's estimate; otherwise they are
    rented. `duty_cycle` or `traffic` says how much of the time they are busy. `blend` is tokens of uncached input,
    cached input and output that a blended price is stated for, None the request's own; `sell` is selling prices per
    million tokens in the same order.
    """

    own: OwnershipInputs | None = None
    owner: Annotated[str | None, OneOf(OWNERS)] = None
    duty_cycle: Annotated[float | None, Within(1e-4, 1.0)] = None
    traffic: str | None = None
    allocation: Annotated[str, OneOf(ALLOCATIONS)] = "time"
    blend: tuple[float, float, float] | None = None
    sell: tuple[float, float, float] | None = None


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
        return self.machine.usd_per_s(self.deployment.system.n_chips)

    @property
    def request_busy_usd(self) -> float:
        """Price of one request on a system that is always busy."""
        return self.usd_per_s / self.served.requests_per_s


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
    deployment = resolve(request)
    said: list[Default] = []
    traffic, duty = _duty(request, said)
    given = [name for name in ("own", "owner", "price_per_gpu_hour") if getattr(request, name) is not None]
    if len(given) > 1:
        raise InputError("price_per_gpu_hour", ", ".join(given), "one of price_per_gpu_hour, own and owner")
    machine = machine_cost(
        deployment.system, usd_per_gpu_h=request.price_per_gpu_hour, own=request.own, owner=request.owner,
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
