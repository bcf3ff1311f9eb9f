"""How good each point is: units for the load, GPUs that are paid for, cost, energy, and whether limits are met.

A machine is rented whole, so GPUs that are paid for come in its number. Where requests or users are given, what is
compared is the bill: all deployments that carry the load do the same work. Else it is the price of a token.
"""

from dataclasses import dataclass
from typing import Any

from tokenroof.catalog.power import power_of
from tokenroof.planner.points import Points, Space, front_gpus, units_in
from tokenroof.planner.power import unit_watts
from tokenroof.scenario.slo import Slo
from tokenroof.usecases.plan.answer import Demand

__all__ = ["Scored", "mean_price", "need_per_s", "paid_for", "rented_gpus", "scored", "usd_per_mtok"]

_HOUR_S = 3600.0
_MTOK = 1e6
_SLACK = 1.0 + 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """Arrays beside Points: units, GPUs paid for, requests/s served, whether the limits are met, score (less is better)
    and requests/s per paid GPU when units are full; `dearness` is the mean price of those GPUs over that of one that
    decodes.
    """

    units: Any
    paid: Any
    served: Any
    met: Any
    score: Any
    per_gpu: Any
    dearness: Any = 1.0


def usd_per_mtok(usd_per_gpu_h: float, gpus: Any, tokens_per_s: Any) -> Any:
    """USD per million tokens of GPUs that make so many a second."""
    return usd_per_gpu_h / _HOUR_S * gpus / tokens_per_s * _MTOK


def rented_gpus(units: Any, each: Any, at_a_time: int) -> Any:
    """GPUs of the machines that hold so many units of `each` GPUs, where machines of `at_a_time` GPUs are rented.

    A unit that one machine holds does not lie over two.
    """
    import numpy as np

    in_one = np.maximum(np.floor(at_a_time / each), 1.0)
    machines = np.where(each <= at_a_time, np.ceil(units / in_one), np.ceil(units * each / at_a_time))
    return machines * at_a_time


def mean_price(space: Space, gpus: tuple[Any, ...]) -> Any:
    """Price of the mean of so many GPUs that prefill and that decode over that of one that decodes."""
    if len(space.machines) == 1:
        return 1.0
    return (gpus[0] * space.dearer + gpus[1]) / (gpus[0] + gpus[1])


def need_per_s(demand: Demand, e2e_s: Any) -> Any:
    """Requests per second that the load asks for when a request takes so long."""
    if demand.rate is not None:
        return demand.rate
    if demand.concurrency is not None:
        return demand.concurrency / e2e_s
    assert demand.users is not None
    return demand.users / (demand.think_s + e2e_s)


def _joules(space: Space, points: Points, units: Any, paid: tuple[Any, ...], served: Any) -> Any:
    """Joules a second of all GPUs that are paid for; those without work idle."""
    import numpy as np

    powers, fronts = tuple(power_of(machine.chip) for machine in space.machines), front_gpus(space, points)
    watts = unit_watts(space, points, powers, np.minimum(served / np.maximum(units, 1.0), points.rate))
    used = (points.gpus,) if len(powers) == 1 else (fronts, points.gpus - fronts)
    idle_w = sum(
        np.maximum(rented - units * each, 0.0) * power.idle_w
        for power, rented, each in zip(powers, paid, used, strict=True)
    )
    return units * points.gpus * watts + idle_w


def paid_for(space: Space, units: Any, gpus: Any, fronts: Any, rent_by: tuple[int, ...]) -> tuple[Any, ...]:
    """GPUs that are rented for so many units of `gpus` GPUs, `fronts` of which prefill: of each machine, whole."""
    if len(space.machines) == 1:
        return (rented_gpus(units, gpus, rent_by[0]),)
    return rented_gpus(units, fronts, rent_by[0]), rented_gpus(units, gpus - fronts, rent_by[-1])


def scored(
    space: Space,
    points: Points,
    *,
    demand: Demand,
    slo: Slo,
    objective: str,
    gpus: int | None,
    rent_by: tuple[int, ...],
) -> Scored:
    """Score all points of a space. With a load `gpus` is how many may be used, and `rent_by` are rented at a time, of
    each machine; without one all of the machine's are.
    """
    import numpy as np

    served_by_one = points.rate > 0
    rate = np.where(served_by_one, points.rate, 1e-300)
    if demand.given:
        need = need_per_s(demand, points.e2e_s)
        whole = demand.concurrency / points.concurrency if demand.concurrency is not None else need / rate
        units = np.maximum(np.ceil(whole * (1 - 1e-9)), 1.0)
        fronts = front_gpus(space, points)
        each = paid_for(space, units, points.gpus, fronts, rent_by)
        paid, dearness = sum(each), mean_price(space, (fronts, points.gpus - fronts))
        served = np.broadcast_to(need, rate.shape)
        room = paid <= (np.inf if gpus is None else gpus)
        per_gpu = points.rate / points.gpus
    else:
        units = units_in(space, points.gpus, front_gpus(space, points)).astype(float)
        each = tuple(np.full(rate.shape, float(machine.n_chips)) for machine in space.machines)
        paid, dearness = sum(each), mean_price(space, each)
        served = units * points.rate
        room = units >= 1
        per_gpu = served / paid
    met = served_by_one & room
    for limit, value in ((slo.ttft_s, points.ttft_s), (slo.tpot_s, points.tpot_s)):
        if limit is not None:
            met = met & (value <= limit * _SLACK)
    tokens = np.maximum(served * space.osl, 1e-300)
    bill = paid if objective != "cost" else paid * mean_price(space, each)
    if objective == "latency":
        score = points.e2e_s
    elif objective == "energy":
        score = _joules(space, points, units, each, served) / tokens
    elif demand.by_bill:
        score = bill
    else:
        score = bill / tokens
    return Scored(units=units, paid=paid, served=served, met=met, score=score, per_gpu=per_gpu, dearness=dearness)
