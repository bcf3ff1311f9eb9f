"""How good each point is: units for the load, GPUs that are paid for, cost, energy, and whether limits are met.

A machine is rented whole, so GPUs that are paid for come in its number. Where requests or users are given, what is
compared is the bill: all deployments that carry the load do the same work. Else it is the price of a token.
"""

from dataclasses import dataclass
from typing import Any

from tokenroof.catalog.power import power_of
from tokenroof.planner.points import Points, Space, units_in
from tokenroof.planner.power import unit_watts
from tokenroof.scenario.slo import Slo
from tokenroof.usecases.plan.answer import Demand

__all__ = ["Scored", "need_per_s", "rented_gpus", "scored", "usd_per_mtok"]

_HOUR_S = 3600.0
_MTOK = 1e6
_SLACK = 1.0 + 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """Arrays beside Points: units, GPUs paid for, requests/s served, whether the limits are met, score (less is better)
    and requests/s per paid GPU when units are full.
    """

    units: Any
    paid: Any
    served: Any
    met: Any
    score: Any
    per_gpu: Any


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


def need_per_s(demand: Demand, e2e_s: Any) -> Any:
    """Requests per second that the load asks for when a request takes so long."""
    if demand.rate is not None:
        return demand.rate
    if demand.concurrency is not None:
        return demand.concurrency / e2e_s
    assert demand.users is not None
    return demand.users / (demand.think_s + e2e_s)


def _joules(space: Space, points: Points, units: Any, paid: Any, served: Any) -> Any:
    """Joules a second of all GPUs that are paid for; those without work idle."""
    import numpy as np

    power, busy = power_of(space.system.chip), units * points.gpus
    watts = unit_watts(space, points, power, np.minimum(served / np.maximum(units, 1.0), points.rate))
    return busy * watts + np.maximum(paid - busy, 0.0) * power.idle_w


def scored(
    space: Space,
    points: Points,
    *,
    demand: Demand,
    slo: Slo,
    objective: str,
    gpus: int | None,
    rent_by: int,
) -> Scored:
    """Score all points of a space. With a load `gpus` is how many may be used, and `rent_by` are rented at a time;
    without one all of the machine's are.
    """
    import numpy as np

    chips = space.system.n_chips
    served_by_one = points.rate > 0
    rate = np.where(served_by_one, points.rate, 1e-300)
    if demand.given:
        need = need_per_s(demand, points.e2e_s)
        whole = demand.concurrency / points.concurrency if demand.concurrency is not None else need / rate
        units = np.maximum(np.ceil(whole * (1 - 1e-9)), 1.0)
        paid = rented_gpus(units, points.gpus, rent_by)
        served = np.broadcast_to(need, rate.shape)
        room = paid <= (np.inf if gpus is None else gpus)
        per_gpu = points.rate / points.gpus
    else:
        units = units_in(space, points.gpus).astype(float)
        paid = np.full(rate.shape, float(chips))
        served = units * points.rate
        room = units >= 1
        per_gpu = served / paid
    met = served_by_one & room
    for limit, value in ((slo.ttft_s, points.ttft_s), (slo.tpot_s, points.tpot_s)):
        if limit is not None:
            met = met & (value <= limit * _SLACK)
    tokens = np.maximum(served * space.osl, 1e-300)
    if objective == "latency":
        score = points.e2e_s
    elif objective == "energy":
        score = _joules(space, points, units, paid, served) / tokens
    elif demand.by_bill:
        score = paid
    else:
        score = paid / tokens
    return Scored(units=units, paid=paid, served=served, met=met, score=score, per_gpu=per_gpu)
