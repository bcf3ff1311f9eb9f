"""What a GPU-hour costs: rented at a price with a range, or owned with every part of the bill named."""

from dataclasses import dataclass

from tokenroof.errors import DataMissing
from tokenroof.formulas import ownership as f
from tokenroof.types.checks import check_choice, check_number, check_positive
from tokenroof.types.default import Default
from tokenroof.types.machine import System

__all__ = ["OWNERS", "POWERS", "MachineCost", "OwnershipInputs", "machine_cost"]

POWERS = ("all-in", "tdp")
OWNERS = ("hyperscaler", "neocloud", "retail")
_HOUR_S = 3600.0
_YEAR_S = 365.25 * 86400.0
_KWH_J = 3.6e6


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnershipInputs:
    """A bought GPU with its share of server and network. There is no default price: nobody's is published.

    `power` takes the catalogue's all-in figure (server, network, losses, per GPU) or the chip's TDP;
    `watts_per_gpu` overrides both. `upkeep` is repair, space and staff a year over the purchase price, `idle_share` the
    power of an idle GPU over that of a busy one.
    """

    capex_usd_per_gpu: float
    years: float = 4.0
    yearly_rate: float = 0.0
    upkeep: float = 0.0
    usd_per_kwh: float = 0.08
    pue: float = 1.25
    watts_per_gpu: float | None = None
    power: str = "all-in"
    idle_share: float = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineCost:
    """USD for each hour of one GPU, idle hours included, with the parts it is made of.

    `low` and `high` are the range of rents. `busy_extra_usd_per_h` is what a busy hour costs above an idle one.
    `rent_usd_per_h` and `own_from_duty` compare owning with renting only the hours that are needed. Where prompts and
    answers have machines of their own prices are means over all GPUs, and `by_machine` has that of each.
    """

    kind: str
    usd_per_gpu_h: float
    low_usd_per_gpu_h: float
    high_usd_per_gpu_h: float
    busy_extra_usd_per_h: float
    parts: tuple[tuple[str, float], ...]
    source: str
    rent_usd_per_h: float | None = None
    own_from_duty: float | None = None
    by_machine: tuple[tuple[str, float], ...] = ()

    @property
    def prefill_over_decode(self) -> float:
        """Price of a GPU that prefills over that of one that decodes."""
        rents = [usd for _, usd in self.by_machine]
        return rents[0] / rents[-1] if rents and rents[-1] > 0.0 else 1.0

    def usd_per_s(self, gpus: int) -> float:
        """Price of the whole system per second."""
        return self.usd_per_gpu_h * gpus / _HOUR_S


def _watts(system: System, given: OwnershipInputs, defaults: list[Default]) -> float:
    if given.watts_per_gpu is not None:
        return check_positive("watts_per_gpu", given.watts_per_gpu, high=1e5)
    check_choice("power", given.power, POWERS)
    chip = system.chip
    if given.power == "tdp":
        if chip.tdp_w is None:
            raise DataMissing(chip.name, "TDP", "not published", "give `watts_per_gpu`")
        return chip.tdp_w
    if chip.all_in_w is not None:
        return chip.all_in_w
    if system.power_w is not None:
        watts = system.power_w / system.n_chips
        defaults.append(Default(field="power", value=f"{watts:,.0f} W a GPU", reason="the rack's power over its GPUs"))
        return watts
    raise DataMissing(chip.name, "all-in power", "not published", "give `watts_per_gpu`, or `power` tdp")


def _owned(system: System, given: OwnershipInputs, duty: float, defaults: list[Default]) -> MachineCost:
    capex = check_positive("capex_per_gpu", given.capex_usd_per_gpu, high=1e8)
    years = check_number("years", given.years, low=0.25, high=30.0)
    rate = check_number("cost_of_capital", given.yearly_rate, low=0.0, high=1.0)
    upkeep = check_number("upkeep", given.upkeep, low=0.0, high=1.0)
    kwh = check_number("electricity", given.usd_per_kwh, low=0.0, high=10.0)
    pue = check_number("pue", given.pue, low=1.0, high=5.0)
    idle = check_number("idle_share", given.idle_share, low=0.0, high=1.0)
    watts = _watts(system, given, defaults)
    recovery = f.capital_recovery(yearly_rate=rate, lifetime_s=years * _YEAR_S)
    straight = capex / (years * _YEAR_S)
    capital = f.capital_usd_per_gpu_s(capex_usd_per_gpu=capex, recovery=recovery, upkeep=upkeep / _YEAR_S)

    def electricity(load: float) -> float:
        joule = kwh / _KWH_J
        return float(
            f.power_usd_per_gpu_s(watts_per_gpu=watts, pue=pue, usd_per_joule=joule, duty_cycle=load, idle_share=idle)
        )

    extra = electricity(1.0) - electricity(0.0)
    total = capital + electricity(duty)
    rent = system.rental
    cross = None
    if rent is not None:
        cross = f.own_or_rent_duty_cycle(
            fixed_usd_per_gpu_s=capital + electricity(0.0),
            busy_extra_usd_per_gpu_s=extra,
            rent_usd_per_gpu_s=rent.median_usd_per_h / _HOUR_S,
        )
    parts = {
        "depreciation": straight,
        "interest": capex * recovery - straight,
        "upkeep": capex * upkeep / _YEAR_S,
        "electricity": electricity(duty),
    }
    hourly = total * _HOUR_S
    return MachineCost(
        kind="owned",
        usd_per_gpu_h=hourly,
        low_usd_per_gpu_h=hourly,
        high_usd_per_gpu_h=hourly,
        busy_extra_usd_per_h=extra * _HOUR_S,
        parts=tuple((name, value * _HOUR_S) for name, value in parts.items() if value > 0),
        source=f"${capex:,.0f} a GPU over {years:g} years, {watts:,.0f} W at PUE {pue:g} and ${kwh:g} a kWh",
        rent_usd_per_h=None if rent is None else rent.median_usd_per_h,
        own_from_duty=None if cross is None else float(cross),
    )


def _published(system: System, owner: str) -> MachineCost:
    """What an owner of this kind pays in the catalogue's estimate, electricity included."""
    check_choice("owner", owner, OWNERS)
    fact = system.chip.facts.get(f"ownership_usd_per_gpu_s.{owner}")
    if fact is None:
        raise DataMissing(system.chip.name, f"cost of ownership for a {owner}", "", "give `capex_per_gpu`")
    hourly, rent = fact.value * _HOUR_S, system.rental
    return MachineCost(
        kind="owned", usd_per_gpu_h=hourly, low_usd_per_gpu_h=hourly, high_usd_per_gpu_h=hourly,
        busy_extra_usd_per_h=0.0, parts=((f"{owner}'s cost", hourly),), source=f"{fact.source}, {fact.as_of}",
        rent_usd_per_h=None if rent is None else rent.median_usd_per_h,
        own_from_duty=None if rent is None else hourly / rent.median_usd_per_h,
    )  # fmt: skip


def machine_cost(
    system: System,
    *,
    duty_cycle: float,
    defaults: list[Default],
    usd_per_gpu_h: float | None = None,
    own: OwnershipInputs | None = None,
    owner: str | None = None,
) -> MachineCost:
    """Owned, rented at the given price, or rented at the median of the catalogue's offers, in this order."""
    if own is not None:
        return _owned(system, own, duty_cycle, defaults)
    if owner is not None:
        return _published(system, owner)
    if usd_per_gpu_h is not None:
        price = check_number("price_per_gpu_hour", usd_per_gpu_h, low=0.0, high=1e6)
        return MachineCost(
            kind="rented", usd_per_gpu_h=price, low_usd_per_gpu_h=price, high_usd_per_gpu_h=price,
            busy_extra_usd_per_h=0.0, parts=(("rent", price),), source="given",
        )  # fmt: skip
    rent = system.rental
    if rent is None:
        raise DataMissing(
            system.name, "rental price", "offers per chip", "give `price_per_gpu_hour` or `capex_per_gpu`"
        )
    low, high = rent.low_usd_per_h, rent.high_usd_per_h
    defaults.append(
        Default(
            field="price_per_gpu_hour",
            value=f"${rent.median_usd_per_h:.2f} per GPU-hour",
            reason=f"median of {rent.n} offers, ${low:.2f} to ${high:.2f}, {rent.as_of}",
        )
    )
    return MachineCost(
        kind="rented", usd_per_gpu_h=rent.median_usd_per_h, low_usd_per_gpu_h=low, high_usd_per_gpu_h=high,
        busy_extra_usd_per_h=0.0, parts=(("rent", rent.median_usd_per_h),), source=f"{rent.source}, {rent.as_of}",
    )  # fmt: skip
