"""The machines that a seller may run on, as arrays indexed by a draw's choice.

Rates and rents come from the catalogue. The weights are a guess at what serves public traffic in 2026 and are
stated as such; a chip without a recorded rent takes the one written here, graded assumed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from tokenroof.catalog.chips import load_chip
from tokenroof.catalog.rental import load_rental
from tokenroof.infer.deductions.base import Machine
from tokenroof.operators.memory import visible_bytes
from tokenroof.operators.timing import arithmetic_rate
from tokenroof.types.dtype import Dtype, dtype
from tokenroof.types.machine import Chip

__all__ = [
    "CONTRACT_SHARE", "MACHINE_WEIGHTS", "Machines", "machine_weights", "machines", "reference_machine", "rent_index",
]  # fmt: skip

# chip -> prior weight in mid-2023, 2024, 2025 and 2026; assumed, 2026-11-29. H200 and MI300X came in 2024, B200 and
# GB200 in 2025.
MACHINE_YEARS = (2023.5, 2024.5, 2025.5, 2026.5)
MACHINE_WEIGHTS: Mapping[str, tuple[float, ...]] = {
    "h100": (0.30, 0.58, 0.42, 0.28),
    "h200": (0.00, 0.08, 0.27, 0.26),
    "b200": (0.00, 0.00, 0.09, 0.20),
    "gb200": (0.00, 0.00, 0.03, 0.10),
    "mi300x": (0.00, 0.06, 0.06, 0.06),
    "h20": (0.00, 0.05, 0.06, 0.05),
    "v6e": (0.00, 0.00, 0.03, 0.03),
    "a100": (0.70, 0.23, 0.04, 0.02),
}
# Rents of a chip over those of late 2026: contracts for H100 went for 1.70 USD in October 2025 and 2.35 in March 2026
# (price study section 6); 2023 and 2024 are recalled list prices of neoclouds, 4.25 and 2.9 over 3.64.
RENT_YEARS = (2023.5, 2024.5, 2025.8, 2026.3)
RENT_INDEX = (1.17, 0.80, 0.72, 1.0)
# USD per hour on demand where nobody's offer is recorded: half an H100, which has 6.7 times its FLOP/s
_ASSUMED_RENT: Mapping[str, float] = {"h20": 1.9}

# Labs pay contract prices well below on-demand lists: price study section 6 has 2 to 3.5 USD for the H100
# against a list median of 3.9.
CONTRACT_SHARE = 0.65

_REFERENCE = "h100"
_REFERENCE_USD_PER_H = 2.5  # a contract price; the lecture's is 2

# Formats that weights are served in, by the prior's order, and what a chip without that arithmetic serves instead.
# Kernels would expand such weights to 16 bits there and compute at half of the rate of the next wider format.
_FORMATS = ("bf16", "fp8", "nvfp4")
_INSTEAD = {"bf16": (), "fp8": ("int8", "bf16"), "nvfp4": ("fp8", "int8", "bf16")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Machines:
    """Columns over chips; `flops_per_s` and `weight_bytes` have a row for each format in `widths`, in bytes.

    `visible_bytes` is the part of `memory_bytes` that the engine sees.
    """

    names: tuple[str, ...]
    widths: tuple[float, ...]
    weight_bytes: Any
    flops_per_s: Any
    bf16_flops_per_s: Any
    bytes_per_s: Any
    memory_bytes: Any
    visible_bytes: Any
    contract_usd_per_h: Any


def _served(chip: Chip, name: str) -> Dtype:
    """The format that a seller who wants `name` has its weights in on this chip."""
    computed = (one for one in map(dtype, (name, *_INSTEAD[name])) if one.rate_key in chip.flops_per_s)
    return next(computed)


@lru_cache(maxsize=1)
def machines() -> Machines:
    """The table of machines, read from the catalogue once."""
    import numpy as np

    names = tuple(MACHINE_WEIGHTS)
    chips = [load_chip(name) for name in names]
    rents = []
    for name in names:
        rental = load_rental(name)
        rents.append(_ASSUMED_RENT[name] if rental is None else rental.median_usd_per_h)
    served = [[_served(chip, name) for chip in chips] for name in _FORMATS]
    rates = np.array(
        [[arithmetic_rate(chip, one.rate_key)[1] for chip, one in zip(chips, row, strict=True)] for row in served]
    )
    return Machines(
        names=names,
        widths=tuple(dtype(name).bytes_per_element for name in _FORMATS),
        weight_bytes=np.array([[one.bytes_per_element for one in row] for row in served]),
        flops_per_s=rates,
        bf16_flops_per_s=rates[0],
        bytes_per_s=np.array([chip.bytes_per_s for chip in chips]),
        memory_bytes=np.array([chip.memory_bytes for chip in chips]),
        visible_bytes=np.array([visible_bytes(chip) for chip in chips]),
        contract_usd_per_h=np.array(rents) * CONTRACT_SHARE,
    )


def machine_weights(year: float) -> tuple[float, ...]:
    """What served public traffic in a year: the weight of each chip, between the years of the table."""
    import numpy as np

    weights = [float(np.interp(year, MACHINE_YEARS, row)) for row in MACHINE_WEIGHTS.values()]
    return tuple(weight / sum(weights) for weight in weights)


def rent_index(year: float) -> float:
    """Rents of a year over those of late 2026."""
    import numpy as np

    return float(np.interp(year, RENT_YEARS, RENT_INDEX))


def reference_machine() -> Machine:
    """The H100 at 16 bit: what the lecture's 300 and the price study's tests assume."""
    chip = load_chip(_REFERENCE)
    return Machine(
        name=f"{chip.name}, 16 bit",
        flops_per_s=chip.flops_per_s["bf16"],
        bytes_per_s=chip.bytes_per_s,
        usd_per_h=_REFERENCE_USD_PER_H,
    )
