"""What a GPU-hour costs its owner, and when owning beats renting.

A machine is paid for every hour and earns only in the hours that it is busy: `duty_cycle` is the mean load over the
load it is sized for. Rates are per second; hours, years and kWh are the edge's.
"""

from typing import Annotated, Any

from tokenroof.registry import formula
from tokenroof.types.quantities import AtLeastOne, Fraction, Number, PerSecond, UsdPerGpuS, UsdPerJoule, WattsPerGpu
from tokenroof.units import Quantity
from tokenroof.xp import SCALAR, Namespace

_NO_LIMIT = float("inf")
_YEAR = (365.25 * 86400.0, "s")
UsdPerGpu = Annotated[Any, Quantity("USD/GPU", 100, 1e7)]
YearlyRate = Annotated[Any, Quantity("1", 0.001, 0.5)]
Lifetime = Annotated[Any, Quantity("s", 3e7, 1e9)]


@formula(increasing=("yearly_rate",), decreasing=("lifetime_s",))
def capital_recovery(*, yearly_rate: YearlyRate, lifetime_s: Lifetime, xp: Namespace = SCALAR) -> PerSecond:
    """Share of a purchase that has to come back per unit of time, interest included: a level annuity.

    Formula: r / (1 - (1 + r)^-n) a year, n the years; 1 / n without interest
    Source: capital recovery factor of any finance text.
    """
    year_s = xp.tag(*_YEAR)
    years = lifetime_s / year_s
    share = xp.ratio(yearly_rate, 1.0 - xp.power(1.0 + yearly_rate, -years), 1.0 / years)
    return share / year_s


@formula(increasing=("capex_usd_per_gpu", "recovery", "upkeep"))
def capital_usd_per_gpu_s(
    *, capex_usd_per_gpu: UsdPerGpu, recovery: PerSecond, upkeep: PerSecond, xp: Namespace = SCALAR
) -> UsdPerGpuS:
    """What a bought GPU costs per second before electricity; `upkeep` is repair, space and staff as shares of price.

    Formula: price * (recovery + upkeep)
    Source: straight accounting; with no interest it is depreciation over the lifetime.
    """
    return capex_usd_per_gpu * (recovery + upkeep)


@formula(increasing=("watts_per_gpu", "pue", "usd_per_joule", "duty_cycle", "idle_share"))
def power_usd_per_gpu_s(
    *,
    watts_per_gpu: WattsPerGpu,
    pue: AtLeastOne,
    usd_per_joule: UsdPerJoule,
    duty_cycle: Fraction,
    idle_share: Fraction,
    xp: Namespace = SCALAR,
) -> UsdPerGpuS:
    """Electricity of one GPU at the meter; an idle one still draws `idle_share` of its power.

    Formula: P * PUE * price * (i + (1 - i) * d)
    Source: The Green Grid's power usage effectiveness; Barroso and Hoelzle 2007 on idle power.
    """
    load = idle_share + (1.0 - idle_share) * duty_cycle
    return watts_per_gpu * pue * usd_per_joule * load


@formula(increasing=("fixed_usd_per_gpu_s", "busy_extra_usd_per_gpu_s"), decreasing=("rent_usd_per_gpu_s",))
def own_or_rent_duty_cycle(
    *,
    fixed_usd_per_gpu_s: UsdPerGpuS,
    busy_extra_usd_per_gpu_s: UsdPerGpuS,
    rent_usd_per_gpu_s: UsdPerGpuS,
    xp: Namespace = SCALAR,
) -> Number:
    """Duty cycle from which owning is cheaper than renting only the busy hours; above 1 it never is.

    Formula: d = fixed / (rent - extra), extra the electricity that only a busy GPU draws; unlimited where
    that alone costs more than the rent
    Source: fixed + extra * d = rent * d.
    """
    return xp.ratio(fixed_usd_per_gpu_s, rent_usd_per_gpu_s - busy_extra_usd_per_gpu_s, _NO_LIMIT)
