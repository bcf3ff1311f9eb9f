"""Pure physics and money: one family of formulas per module, one number per formula."""

from tokenroof.formulas import (
    activations,
    attention,
    collectives,
    energy,
    kv_cache,
    memory_tiers,
    moe,
    pipeline,
    prefill,
    price_sheets,
    pricing,
    queueing,
    roofline,
    speculation,
    training,
    training_optimum,
)

__all__ = [
    "activations",
    "attention",
    "collectives",
    "energy",
    "kv_cache",
    "memory_tiers",
    "moe",
    "pipeline",
    "prefill",
    "price_sheets",
    "pricing",
    "queueing",
    "roofline",
    "speculation",
    "training",
    "training_optimum",
]
