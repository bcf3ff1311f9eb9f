"""The forward model of deduction: what a seller with these unknowns would face in costs, in closed form.

`predict_prices` is the one function that the likelihood asks. It can be replaced by the operator engine: same
unknowns in, same channels out. Everything is an array over draws; results are natural logarithms.
"""

from collections.abc import Mapping
from typing import Any

from tokenroof.formulas.memory_tiers import (
    hold_usd_per_token_s_by_byte,
    recompute_usd_per_token,
    retrieve_usd_per_token,
)
from tokenroof.formulas.roofline import (
    balance_batch,
    compute_time_s,
    knee_context,
    kv_time_s,
    ridge_tokens,
    step_time_lecture_s,
    weight_time_s,
)
from tokenroof.xp import NUMPY

__all__ = ["CHANNELS", "predict_prices"]

# name -> what the logarithm is of
CHANNELS: Mapping[str, str] = {
    "input_cost": "cost of a fresh input token, USD, mark-up left out",
    "output_cost": "cost of an output token, USD, mark-up left out",
    "output_ratio": "cost of an output token over that of an input token",
    "markup": "mark-up over the open-weights market",
    "knee": "context at which reading the cache takes as long as the arithmetic, tokens",
    "reload_ratio": "cost of reading a cached token back over the cost of computing it",
    "storage": "price of holding a token for an hour, USD",
    "fast_load": "per-sequence part of a decode pass over its weight part",
    "speed": "output tokens per second of one sequence",
    "duty_cycle": "mean load over peak load",
}
_SECONDS_PER_HOUR = 3600.0
_RELOAD_BYTES_PER_S = 14e9  # one PCIe 5 drive, tier nvme-small of the catalogue; a constant moves the offset only
_FIXED_S = 2e-3  # launches and collectives of one pass; assumed


def predict_prices(unknowns: Mapping[str, Any]) -> dict[str, Any]:
    """Natural logarithms of what each channel of evidence would show, and the batch over balance."""
    import numpy as np

    u = unknowns
    usd_per_s = u["usd_per_chip_h"] / _SECONDS_PER_HOUR
    rates = {"flops_per_s": u["flops_per_s"]}
    memory_rate = u["bytes_per_s"] * u["decode_mbu"]
    kv_read = u["kv_bytes_per_token"] * u["scan_fraction"]

    # prefill is arithmetic at the seller's MFU
    fresh = recompute_usd_per_token(
        active_params=u["active_params"], **rates, mfu=u["prefill_mfu"], usd_per_s=usd_per_s, xp=NUMPY
    )
    # a decode pass of `batch` sequences that share one read of the weights, in seconds of one chip's bandwidth
    weights_s = weight_time_s(
        params=u["total_params"], bytes_per_param=u["weight_bytes"], bytes_per_s=memory_rate, xp=NUMPY
    )
    caches_s = kv_time_s(
        batch=u["batch"], context=u["context_in_use"], kv_bytes_per_token=kv_read, bytes_per_s=memory_rate, xp=NUMPY
    )
    compute_s = compute_time_s(batch=u["batch"], active_params=u["active_params"], **rates, xp=NUMPY)
    step_s = step_time_lecture_s(compute_s=compute_s, weights_s=weights_s, kv_s=caches_s, xp=NUMPY)
    out = usd_per_s * step_s / u["batch"]

    ridge = ridge_tokens(**rates, bytes_per_param=u["weight_bytes"], bytes_per_s=u["bytes_per_s"], xp=NUMPY)
    balance = balance_batch(ridge=ridge, params=u["total_params"], active_params=u["active_params"], xp=NUMPY)
    knee = knee_context(
        active_params=u["active_params"], bytes_per_s=u["bytes_per_s"], **rates, kv_bytes_per_token=kv_read, xp=NUMPY
    )
    hold = hold_usd_per_token_s_by_byte(
        kv_bytes_per_token=u["kv_bytes_per_token"], usd_per_byte_s=u["tier_usd_per_byte_h"], xp=NUMPY
    )
    # the chip waits for a cache that lies outside its own memory, read at the rate of one fast drive
    reload = retrieve_usd_per_token(
        kv_bytes_per_token=u["kv_bytes_per_token"], bytes_per_s=_RELOAD_BYTES_PER_S, usd_per_s=usd_per_s, xp=NUMPY
    )
    least_chips = np.maximum(1.0, u["total_params"] * u["weight_bytes"] / (0.7 * u["memory_bytes"]))
    chips = least_chips * u["chips_over_least"]
    return {
        "input_cost": np.log(fresh / u["duty_cycle"]),
        "output_cost": np.log(out / u["duty_cycle"]),
        "output_ratio": np.log(out / fresh),
        "markup": np.log(u["markup"]),
        "knee": np.log(knee),
        "reload_ratio": np.log(reload / fresh),
        "storage": np.log(hold * u["storage_markup"]),
        "fast_load": np.log(np.maximum(caches_s, compute_s) / weights_s),
        "speed": np.log(u["speed_gain"] / (step_s / chips + _FIXED_S)),
        "duty_cycle": np.log(u["duty_cycle"]),
        "batch_over_balance": np.log(u["batch"] / balance),
    }
