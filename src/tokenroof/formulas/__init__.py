"""Pure physics and money that runs: one family of formulas per module, one number per formula.

Those that only the lecture's claims use are in formulas.lecture, in families of the same names.
"""

from tokenroof.formulas import (
    activations,
    collectives,
    memory_tiers,
    moe,
    ownership,
    pipeline,
    power,
    prefill,
    price_sheets,
    pricing,
    queueing,
    roofline,
    scaling_laws,
    serving_cost,
    speculation,
    training,
    training_optimum,
)

__all__ = [
    "activations",
    "collectives",
    "memory_tiers",
    "moe",
    "ownership",
    "pipeline",
    "power",
    "prefill",
    "price_sheets",
    "pricing",
    "queueing",
    "roofline",
    "scaling_laws",
    "serving_cost",
    "speculation",
    "training",
    "training_optimum",
]
