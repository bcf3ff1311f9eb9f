"""Two machines in one deployment: prompts on the workers of one, answers on those of the other."""

from dataclasses import dataclass, replace

from tokenroof.catalog import load_system
from tokenroof.errors import InputError
from tokenroof.formulas import ownership
from tokenroof.scenario.machine_cost import MachineCost, OwnershipInputs, machine_cost
from tokenroof.types.default import Default
from tokenroof.types.efficiency import Efficiency
from tokenroof.types.engine import Scheduler
from tokenroof.types.machine import System
from tokenroof.types.scenario import Scenario

__all__ = ["PrefillMachine", "decode_machine", "fleet_cost", "machine_ids", "machine_names"]

_HOUR_S = 3600.0
_MACHINE_FACTS = ("chip.", "system.")


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefillMachine:
    """Where prefill workers stand, if not beside those that decode: with its own profile and scheduler."""

    system: System
    profile: Efficiency
    scheduler: Scheduler


def decode_machine(scenario: Scenario, system: System) -> System | None:
    """The machine of decode workers, where it is another than the one that is named `system`."""
    if scenario.decode_system is None:
        return None
    found = load_system(scenario.decode_system)
    if found == system:
        return None
    for name, value in scenario.set:
        if name.startswith(_MACHINE_FACTS):
            raise InputError(
                "set", f"{name}={value}", "facts of the model, beside `decode_system`: there are two machines",
                "write the machine into a TOML file and name that",
            )  # fmt: skip
    if found.chip.bytes_per_s <= 0:
        raise InputError("decode_system", found.id, "a machine with a known memory bandwidth")
    return found


def machine_ids(machines: tuple[System, ...]) -> str:
    """`8xh100`, or `8xh100 + 8xh200`: of prompts and of answers."""
    return " + ".join(machine.id for machine in machines)


def machine_names(machines: tuple[System, ...]) -> str:
    """The name of a machine, or of those of prompts and of answers."""
    if len(machines) == 1:
        return machines[0].name
    return f"{machines[0].name} (prefill) + {machines[1].name} (decode)"


def fleet_cost(
    machines: tuple[System, ...],
    *,
    duty_cycle: float,
    defaults: list[Default],
    usd_per_gpu_h: float | None = None,
    own: OwnershipInputs | None = None,
    owner: str | None = None,
) -> MachineCost:
    """What a GPU-hour costs; of several machines the mean over all GPUs, each at the price of its own.

    A price that is given, of rent or purchase, is that of every GPU.
    """
    if len(machines) == 1 or usd_per_gpu_h is not None:
        return machine_cost(
            machines[0], duty_cycle=duty_cycle, defaults=defaults, usd_per_gpu_h=usd_per_gpu_h, own=own, owner=owner
        )
    costs = []
    for machine in machines:
        said: list[Default] = []
        costs.append(machine_cost(machine, duty_cycle=duty_cycle, defaults=said, own=own, owner=owner))
        defaults += [replace(one, reason=f"on {machine.id}: {one.reason}") for one in said]
    return _mean_cost(machines, costs, duty_cycle)


def _mean_cost(machines: tuple[System, ...], costs: list[MachineCost], duty_cycle: float) -> MachineCost:
    gpus = [machine.n_chips for machine in machines]

    def mean(values: list[float]) -> float:
        return sum(value * n for value, n in zip(values, gpus, strict=True)) / sum(gpus)

    names = dict.fromkeys(name for cost in costs for name, _ in cost.parts)
    extra, hourly = mean([one.busy_extra_usd_per_h for one in costs]), mean([one.usd_per_gpu_h for one in costs])
    rents = [one.rent_usd_per_h for one in costs if one.rent_usd_per_h is not None]
    rent = mean(rents) if len(rents) == len(costs) else None
    return MachineCost(
        kind=costs[0].kind, usd_per_gpu_h=hourly,
        low_usd_per_gpu_h=mean([one.low_usd_per_gpu_h for one in costs]),
        high_usd_per_gpu_h=mean([one.high_usd_per_gpu_h for one in costs]), busy_extra_usd_per_h=extra,
        parts=tuple((name, mean([dict(one.parts).get(name, 0.0) for one in costs])) for name in names),
        source="; ".join(
            f"{one.id} at ${cost.usd_per_gpu_h:.2f}: {cost.source}" for one, cost in zip(machines, costs, strict=True)
        ),
        rent_usd_per_h=rent,
        own_from_duty=None if rent is None else float(
            ownership.own_or_rent_duty_cycle(
                fixed_usd_per_gpu_s=(hourly - extra * duty_cycle) / _HOUR_S, busy_extra_usd_per_gpu_s=extra / _HOUR_S,
                rent_usd_per_gpu_s=rent / _HOUR_S,
            )
        ),
        by_machine=tuple((machine.id, one.usd_per_gpu_h) for machine, one in zip(machines, costs, strict=True)),
    )  # fmt: skip
