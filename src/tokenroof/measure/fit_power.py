"""Fits what chips draw to measured power, and tries it on models, sources and families that were left out.

    watts = min(TDP, idle + sum over formats of FLOP/s * J/FLOP + bytes/s * J/B)
    idle  = idle * family's own * TDP
    J/FLOP = arithmetic * family's own * TDP / bf16 rate of the family's reference chip, times the format's ratio
    J/B   = path * memory's own * energy of the DRAM

All are positive and known to a factor, so logarithms are fitted. The family's own and the memory's own are near 1; a
family or memory that no run measured has 1.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tokenroof.catalog import load_chip
from tokenroof.catalog.power import format_of
from tokenroof.measure.power_data import PowerCase
from tokenroof.measure.robust import solve
from tokenroof.scenario.energy import joules_per_output_token
from tokenroof.types.power import Power

__all__ = [
    "DRAM_J_PER_B", "PRIORS", "REFERENCE", "PowerFit", "PowerHeldOut", "as_power", "fit_power", "left_out_errors",
    "predicted_w",
]  # fmt: skip

Array = Any

# Median and standard deviation of the logarithm, before any run was seen.
PRIORS = {
    "idle": (0.30, 0.5), "arithmetic": (0.6, 0.5), "path": (2.0, 0.5), "fp8": (0.5, 0.2), "fp4": (0.25, 0.2),
    "idle.own": (1.0, 0.25), "arithmetic.own": (1.0, 0.35), "memory.own": (1.0, 0.25),
}  # fmt: skip
# The chip that a family's sheet is read from.
REFERENCE = {
    "ampere": "a100", "hopper": "h100", "blackwell": "b200", "cdna4": "mi355x", "ada": "l40s", "rtx": "rtx-pro-6000",
    "cdna3": "mi300x", "tpu": "v4", "generic": "h100", "cpu": "epyc-9965",
}  # fmt: skip
# Energy of reading DRAM, array to pins, in J/B: HBM2 and GDDR from published figures, the rest by their kind.
DRAM_J_PER_B = {
    "HBM2": 31.4e-12, "HBM2e": 31.4e-12, "HBM3": 31.4e-12, "HBM3e": 31.4e-12, "HBM4": 28e-12, "GDDR6": 60e-12,
    "GDDR6X": 58e-12, "GDDR7": 45e-12, "LPDDR5": 32e-12, "DDR5": 120e-12, "MRDIMM": 120e-12, "SRAM": 5e-12,
}  # fmt: skip
_SIGMA = 0.10  # of the logarithm of a measured power
_ROWS = 8.0  # what a series of runs of one model on one chip counts for at most: its errors are alike


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerFit:
    """Constants by name, those of a family or memory as `idle.blackwell`, `memory.HBM3e`."""

    values: Mapping[str, float]
    n: int

    def idle_share(self, family: str) -> float:
        """Idle power over TDP."""
        return self.values["idle"] * self.values.get(f"idle.{family}", 1.0)

    def joules_per_flop(self, family: str) -> float:
        """Of bf16 arithmetic."""
        share = self.values["arithmetic"] * self.values.get(f"arithmetic.{family}", 1.0)
        return share * _sheet_joules(family)

    def joules_per_byte(self, memory: str) -> float:
        """Of memory traffic, all that moves it on the chip included."""
        return self.values["path"] * self.values.get(f"memory.{memory}", 1.0) * DRAM_J_PER_B[memory]


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerHeldOut:
    """Errors ln(predicted / measured) of the cases of one group that the fit had not seen."""

    split: str
    group: str
    cases: tuple[PowerCase, ...]
    watts: tuple[float, ...]
    joules: tuple[float, ...]


def _sheet_joules(family: str) -> float:
    """TDP over the bf16 rate of the family's reference: what arithmetic would cost if it took all of the power."""
    chip = load_chip(REFERENCE[family])
    assert chip.tdp_w is not None
    return chip.tdp_w / chip.flops_per_s["bf16"]


def predicted_w(fit: PowerFit, case: PowerCase) -> float:
    """Watts of a GPU at the speed that was measured."""
    ratio = {"bf16": 1.0, "fp8": fit.values["fp8"], "fp4": fit.values["fp4"]}
    flops = sum(rate * ratio[name] for name, rate in case.flops_per_s.items())
    idle = fit.idle_share(case.family) * case.tdp_w
    drawn = flops * fit.joules_per_flop(case.family) + case.bytes_per_s * fit.joules_per_byte(case.memory)
    return min(idle + drawn, case.tdp_w)


def fit_power(cases: Sequence[PowerCase]) -> PowerFit:
    """Constants that fit these runs, held near what was believed before."""
    import numpy as np

    families, memories = sorted({c.family for c in cases}), sorted({c.memory for c in cases})
    own = [("idle.own", f"idle.{name}") for name in families]
    own += [("arithmetic.own", f"arithmetic.{name}") for name in families]
    own += [("memory.own", f"memory.{name}") for name in memories]
    named = [(name, name) for name in ("idle", "arithmetic", "path", "fp8", "fp4")] + own
    prior = np.log([PRIORS[kind][0] for kind, _ in named])
    width = np.array([PRIORS[kind][1] for kind, _ in named])
    at = {name: place for place, (_, name) in enumerate(named)}

    tdp, moved = np.array([c.tdp_w for c in cases]), np.array([c.bytes_per_s for c in cases])
    flops = {name: np.array([c.flops_per_s.get(name, 0.0) for c in cases]) for name in ("bf16", "fp8", "fp4")}
    sheet = np.array([_sheet_joules(c.family) for c in cases])
    dram = np.array([DRAM_J_PER_B[c.memory] for c in cases])
    of = {kind: [at[f"{kind}.{getattr(c, key)}"] for c in cases] for kind, key in _OWN.items()}

    def log_watts(x: Array) -> Array:
        def shared(name: str) -> Array:
            return x[:, at[name], None]

        done = flops["bf16"] + flops["fp8"] * np.exp(shared("fp8")) + flops["fp4"] * np.exp(shared("fp4"))
        idle = np.exp(shared("idle") + x[:, of["idle"]]) * tdp
        arithmetic = np.exp(shared("arithmetic") + x[:, of["arithmetic"]]) * sheet * done
        memory = np.exp(shared("path") + x[:, of["memory"]]) * dram * moved
        return np.log(np.minimum(idle + arithmetic + memory, tdp))

    counts: dict[tuple[str, str, str], int] = {}
    keys = [(c.source, c.model, c.chip.id) for c in cases]
    for key in keys:
        counts[key] = counts.get(key, 0) + 1
    weight = np.array([min(1.0, _ROWS / counts[key]) for key in keys])
    target = np.log([c.watts for c in cases])
    found = solve(log_watts, target, _SIGMA, prior=prior, width=width, weight=weight, steps=60)
    return PowerFit(values={name: float(np.exp(found.x[place])) for name, place in at.items()}, n=len(cases))


_OWN = {"idle": "family", "arithmetic": "family", "memory": "memory"}
_SPLITS: Mapping[str, Callable[[PowerCase], tuple[str, ...]]] = {
    "model": lambda case: (case.model,),
    "source": lambda case: (case.source,),
    "model and source": lambda case: (case.model, case.source),
    "family": lambda case: (case.family,),
}


def as_power(fit: PowerFit, case: PowerCase) -> Power:
    """The fit for the chip of a case, as verbs take it."""
    base = fit.joules_per_flop(case.family)
    ratio = {"bf16": 1.0, "fp8": fit.values["fp8"], "fp4": fit.values["fp4"]}
    keys = ("fp16", "bf16", "fp8", "int8", "fp6", "fp4")
    return Power(
        idle_w=fit.idle_share(case.family) * case.tdp_w, limit_w=case.tdp_w, spread=0.0, source="a fit", as_of="",
        joules_per_flop={key: base * ratio[format_of(case.chip, key)] for key in keys},
        joules_per_byte=fit.joules_per_byte(case.memory),
    )  # fmt: skip


def _joules_error(fit: PowerFit, case: PowerCase) -> float:
    """Of energy with the speed predicted too; nan where by our count the run does not fit into memory."""
    served = case.deployment.serve()
    if not served.fits or case.deployment.load.kind == "static":
        return math.nan
    found = joules_per_output_token(case.deployment, served, as_power(fit, case))
    return math.log(float(found) / case.joules_per_token)


def left_out_errors(cases: Sequence[PowerCase], split: str) -> list[PowerHeldOut]:
    """Each group by turns predicted by a fit that saw nothing of its model, its source, either or its family."""
    key, found = _SPLITS[split], []
    for group in sorted({key(case) for case in cases}):
        rest = [case for case in cases if not set(key(case)) & set(group)]
        mine = tuple(case for case in cases if key(case) == group)
        fit = fit_power(rest)
        found.append(
            PowerHeldOut(
                split=split, group=", ".join(group), cases=mine,
                watts=tuple(math.log(predicted_w(fit, case) / case.watts) for case in mine),
                joules=tuple(error for case in mine if math.isfinite(error := _joules_error(fit, case))),
            )
        )  # fmt: skip
    return found
