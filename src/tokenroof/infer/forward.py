"""The forward model of deduction: what a seller with these unknowns would face in costs.

`predict_prices` is the one function that the likelihood asks. Times, speed and cost are the deployment's own, as every
other verb has them; here they become channels of evidence. Everything is an array over draws; results are natural
logarithms.
"""

import math
from collections.abc import Mapping
from typing import Any

from tokenroof.formulas.memory_tiers import retrieve_usd_per_token
from tokenroof.formulas.roofline import balance_batch, knee_context, ridge_tokens
from tokenroof.infer.deductions.speed import NODE_CHIPS, SPEED_GAIN
from tokenroof.infer.sellers import seller
from tokenroof.scenario.costs import cost_of
from tokenroof.scenario.deployment import Deployment
from tokenroof.types.program import Num
from tokenroof.types.served import Cost, Served
from tokenroof.xp import NUMPY

__all__ = ["CHANNELS", "predict_prices", "served_at"]

# name -> what the logarithm is of
CHANNELS: Mapping[str, str] = {
    "input_cost": "cost of a fresh input token, USD, mark-up left out",
    "output_cost": "cost of an output token, USD, mark-up left out",
    "output_ratio": "cost of an output token over that of an input token",
    "markup": "mark-up over the line of its kind of seller",
    "lone_speed": "tokens per second of one sequence on one chip, weights read at its MBU, however large the rest is",
    "fastest": "tokens per second that no node reaches: eight chips at peak bandwidth, two tokens a pass",
    "active_over": "one over active parameters",
    "cache_read": "seconds that a decode step takes longer for each token of context, on one node",
    "prompt_token": "seconds that prefill takes longer for each token of prompt, on one node",
    "total": "total parameters",
    "active": "active parameters",
    "kv": "cache bytes per token",
    "knee": "context at which reading the cache takes as long as the arithmetic, tokens",
    "reload_ratio": "cost of reading a cached token back over the cost of computing it",
    "fast_load": "per-sequence part of a decode pass over its weight part",
    "duty_cycle": "mean load over peak load",
}
_MTOK = 1e6
_LEAST_USD = 1e-30  # in draws far out, prompts take all of the time to the last digit
_SECONDS_PER_HOUR = 3600.0
_RELOAD_BYTES_PER_S = 14e9  # one PCIe 5 drive, tier nvme-small of the catalogue; a constant moves the offset only


def served_at(deployment: Deployment, batch: Num, usd_per_chip_h: Num, duty_cycle: Num) -> tuple[Served, Cost]:
    """What `batch` requests at once in each step see, and what their tokens cost: a seller's, or any deployment's."""
    served = deployment.at_batch(batch)
    return served, cost_of(deployment, served, usd_per_chip_h, duty_cycle=duty_cycle)


def predict_prices(unknowns: Mapping[str, Any]) -> dict[str, Any]:
    """Natural logarithms of what each channel of evidence would show, and the batch over balance."""
    import numpy as np

    u = unknowns
    deployment = seller(u)
    _, cost = served_at(deployment, u["batch"], u["usd_per_chip_h"], u["duty_cycle"])
    fresh, out = cost.input_usd_per_mtok / _MTOK, np.maximum(cost.output_usd_per_mtok / _MTOK, _LEAST_USD)
    step = deployment.step(u["batch"])
    rates = {"flops_per_s": u["flops_per_s"]}
    ridge = ridge_tokens(**rates, bytes_per_param=u["weight_bytes"], bytes_per_s=u["bytes_per_s"], xp=NUMPY)
    balance = balance_batch(ridge=ridge, params=u["total_params"], active_params=u["active_params"], xp=NUMPY)
    knee = knee_context(
        active_params=u["active_params"], bytes_per_s=u["bytes_per_s"], **rates,
        kv_bytes_per_token=u["kv_bytes_per_token"] * u["scan_fraction"], xp=NUMPY,
    )  # fmt: skip
    # chips that share a model grow with its size, and the speed of one sequence does not
    lone = np.log(u["bytes_per_s"] / (u["active_params"] * u["weight_bytes"]))
    # the chip waits for a cache that lies outside its own memory, read at the rate of one fast drive
    reload = retrieve_usd_per_token(
        kv_bytes_per_token=u["kv_bytes_per_token"], bytes_per_s=_RELOAD_BYTES_PER_S,
        usd_per_s=u["usd_per_chip_h"] / _SECONDS_PER_HOUR, xp=NUMPY,
    )  # fmt: skip
    return {
        "input_cost": np.log(fresh),
        "output_cost": np.log(out),
        "output_ratio": np.log(out / fresh),
        "markup": np.log(u["markup"]),
        "lone_speed": lone + np.log(u["decode_mbu"]),
        "fastest": lone + math.log(NODE_CHIPS * SPEED_GAIN),
        "active_over": -np.log(u["active_params"]),
        "cache_read": np.log(
            u["kv_bytes_per_token"] * u["scan_fraction"] / (NODE_CHIPS * u["bytes_per_s"] * u["decode_mbu"])
        ),
        "prompt_token": np.log(2.0 * u["active_params"] / (NODE_CHIPS * u["flops_per_s"] * u["prefill_mfu"])),
        "total": np.log(u["total_params"]),
        "active": np.log(u["active_params"]),
        "kv": np.log(u["kv_bytes_per_token"]),
        "knee": np.log(knee),
        "reload_ratio": np.log(reload / (fresh * u["duty_cycle"])),
        "fast_load": np.log(np.maximum(step.kv_s, step.compute_s) / step.weights_s),
        "duty_cycle": np.log(u["duty_cycle"]),
        "batch_over_balance": np.log(u["batch"] / balance),
    }
