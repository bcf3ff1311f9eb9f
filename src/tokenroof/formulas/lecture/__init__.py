"""What only the lecture's claims, the documentation and tests compute: nothing that answers a question runs these.

get_formula finds them by name like any other.
"""

from tokenroof.formulas.lecture import (
    attention,
    collectives,
    energy,
    epoch,
    kv_cache,
    memory_tiers,
    moe,
    ownership,
    parameters,
    pipeline,
    prefill,
    price_sheets,
    pricing,
    queueing,
    roofline,
    scaling_book,
    scaling_laws,
    serving_cost,
    speculation,
    training,
    training_optimum,
)

__all__ = [
    "attention",
    "collectives",
    "energy",
    "epoch",
    "kv_cache",
    "memory_tiers",
    "moe",
    "ownership",
    "parameters",
    "pipeline",
    "prefill",
    "price_sheets",
    "pricing",
    "queueing",
    "roofline",
    "scaling_book",
    "scaling_laws",
    "serving_cost",
    "speculation",
    "training",
    "training_optimum",
]
