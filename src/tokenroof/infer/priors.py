"""What is believed before any price is seen: one entry per unknown, with its reason.

A draw is a row of independent standard normals; `unknowns` turns rows into physical numbers. So the prior is
simple to sample, and a proposal for importance sampling is a normal density beside it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

from tokenroof.infer.machines import machines
from tokenroof.infer.numerics import normal_cdf

__all__ = ["MARKUP", "N_DIMS", "PRIORS", "Prior", "unknowns"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """One unknown: its distribution in words, and why."""

    name: str
    unit: str
    text: str
    why: str


# Mark-up over what hosts of open weights ask for the same work: median and log-sd by kind of seller.
# Open weights compete on price. For closed models there is no calibration set: GPT-4 at launch, if the leaked
# 1.8 T / 280 B is right, asked 5.6 times the open-weights price (price study section 3, test 2).
MARKUP: Mapping[str, tuple[float, float]] = {"market": (1.0, 0.20), "open": (1.0, 0.30), "closed": (2.5, 0.75)}

_SIZE = (2e9, 3e12)
_DENSE_AT = 30e9  # geometric-mean size at which half of the open models are dense
_DENSE_SLOPE = 2.0
_SPARSITY = (18.0, 0.45)
_KV = (80e3, 1.35)
_SPARSE_SHARE, _LEAST_SCAN = 0.25, 0.04
_WEIGHT_SHARES = (0.15, 0.65, 0.20)
# sequences that share one read of the weights: a lab with frontier traffic fills larger passes
_BATCH: Mapping[str, tuple[float, float]] = {"market": (256.0, 1.0), "open": (256.0, 1.0), "closed": (1024.0, 1.2)}
_RENT_SD = 0.20
_HIT_SHARE = (0.5, 0.8)
_DUTY = (0.5, 0.5)
_PREFILL = (0.5, 0.20)
_BANDWIDTH = (0.6, 0.5)
_CONTEXT = (5e3, 0.8)
_CHIPS_X = (2.0, 0.6)

PRIORS = (
    Prior(
        name="total_params", unit="param", text="geometric-mean size log-uniform 2e9 to 3e12, times sqrt(sparsity)",
        why="from the smallest model that is sold to twice the largest published",
    ),
    Prior(
        name="active_params", unit="param",
        text=f"total / sparsity; dense with chance 1/(1+(size/30e9)^2), else sparsity log-normal {_SPARSITY[0]:g} "
        f"x/÷{math.exp(_SPARSITY[1]):.1f}",
        why="open models of 2024 to 2026: small ones are dense, large ones route 1 in 6 to 1 in 55",
    ),
    Prior(
        name="kv_bytes_per_token", unit="B/token", text=f"log-normal {_KV[0] / 1e3:g} KB x/÷{math.exp(_KV[1]):.1f}",
        why="16-bit bytes per token at long context of 38 open models: median 82 KB, 6 to 516; widened for closed labs",
    ),
    Prior(
        name="scan_fraction", unit="1",
        text=f"1 with chance {1 - _SPARSE_SHARE:g}, else log-uniform {_LEAST_SCAN:g} to 1",
        why="share of the cache that a decode step reads; top-k attention with an indexer reads about a tenth",
    ),
    Prior(
        name="weight_bytes", unit="B/param",
        text="2, 1 or 0.5625 with chances 0.15, 0.65, 0.20; the next wider one where the chip does not compute in it",
        why="16-bit, FP8 and NVFP4 with its scales",
    ),
    Prior(name="system", unit="1", text="a chip of infer.machines by its weight", why="what serves public traffic"),
    Prior(
        name="usd_per_chip_h", unit="USD/GPU/h",
        text=f"0.65 of the on-demand median x/÷{math.exp(_RENT_SD):.1f}", why="contracts are cheaper than lists",
    ),
    Prior(
        name="batch_over_balance", unit="1",
        text="follows from sequences that share one weight read: "
        + "; ".join(f"{kind} {m:g} x/÷{math.exp(sd):.1f}" for kind, (m, sd) in _BATCH.items()),
        why="traffic, not the roofline, sets the batch; DeepSeek runs some 12,700 over 144 chips, a small host 50",
    ),
    Prior(
        name="markup", unit="1",
        text="; ".join(f"{kind} {m:g} x/÷{math.exp(sd):.1f}" for kind, (m, sd) in MARKUP.items()),
        why="over what hosts of open weights ask for the same work; closed models may ask much more",
    ),
    Prior(
        name="hit_share", unit="1", text=f"logit-normal around {_HIT_SHARE[0]:g}",
        why="56 % of DeepSeek's input were hits in February 2025; no channel reads it: see docs/deduction.md",
    ),
    Prior(
        name="duty_cycle", unit="1", text=f"logit-normal around {_DUTY[0]:g}",
        why="mean over peak load; DeepSeek used 227 nodes on average, 278 at peak (recalled)",
    ),
    Prior(
        name="prefill_mfu", unit="1",
        text=f"log-normal {_PREFILL[0]:g} x/÷{math.exp(_PREFILL[1]):.1f}, over sqrt(sparsity)",
        why="dense prefill reaches half of peak, DeepSeek-V3 15 %: the price of open models follows sqrt(N A)",
    ),
    Prior(
        name="decode_mbu", unit="1", text=f"logit-normal around {_BANDWIDTH[0]:g}",
        why="share of peak bandwidth in decode",
    ),
    Prior(
        name="context_in_use", unit="token", text=f"log-normal {_CONTEXT[0]:g} x/÷{math.exp(_CONTEXT[1]):.1f}",
        why="mean context of live traffic; DeepSeek published 4,989",
    ),
    Prior(
        name="chips_over_least", unit="1", text=f"1 + log-normal {_CHIPS_X[0]:g} x/÷{math.exp(_CHIPS_X[1]):.1f}",
        why="chips that share one copy of the weights, over the fewest that hold it",
    ),
)  # fmt: skip

(
    _Z_SIZE, _Z_DENSE, _Z_SPARSITY, _Z_KV, _Z_SCAN, _Z_WIDTH, _Z_SYSTEM, _Z_RENT, _Z_BATCH, _Z_MARKUP, _Z_HIT,
    _Z_DUTY, _Z_PREFILL, _Z_MBU, _Z_CONTEXT, _Z_CHIPS,
) = range(16)  # fmt: skip
N_DIMS = 16


def _cuts(shares: tuple[float, ...]) -> list[float]:
    """Thresholds of a standard normal that split it into these shares."""
    total, cuts = 0.0, []
    for share in shares[:-1]:
        total += share / sum(shares)
        cuts.append(NormalDist().inv_cdf(total))
    return cuts


def unknowns(z: Any, kind: str) -> dict[str, Any]:
    """Physical numbers for rows of standard normals; `kind` of seller picks the mark-up's prior."""
    import numpy as np

    normals = np.ascontiguousarray(z.T)  # a column at a time lies together: everything below is twice as fast

    def lognormal(column: int, centre: float, sd: float) -> Any:
        return centre * np.exp(sd * normals[column])

    def logit(column: int, centre: float, sd: float) -> Any:
        return 1.0 / (1.0 + (1.0 / centre - 1.0) * np.exp(-sd * normals[column]))

    def choice(column: int, shares: tuple[float, ...]) -> Any:
        # sums of comparisons: a handful of categories, far faster than a search
        return sum((normals[column] > cut for cut in _cuts(shares)), np.zeros(len(z), dtype=np.int8)).astype(np.intp)

    table = machines()
    low, high = math.log(_SIZE[0]), math.log(_SIZE[1])
    size = np.exp(low + (high - low) * normal_cdf(normals[_Z_SIZE]))
    dense = normal_cdf(normals[_Z_DENSE]) < 1.0 / (1.0 + (size / _DENSE_AT) ** _DENSE_SLOPE)
    routed = 1.0 + (_SPARSITY[0] - 1.0) * np.exp(_SPARSITY[1] * normals[_Z_SPARSITY])
    sparsity = np.where(dense, 1.0, routed)
    scan_place = (normal_cdf(normals[_Z_SCAN]) - (1.0 - _SPARSE_SHARE)) / _SPARSE_SHARE
    width = choice(_Z_WIDTH, _WEIGHT_SHARES)
    chip = choice(_Z_SYSTEM, table.weights)

    def column(values: Any, *index: Any) -> Any:
        # in the draws' own precision: one wide column would make everything after it wide, and half as fast
        return values.astype(z.dtype)[index]

    memory = column(table.memory_bytes, chip)
    rent = column(table.contract_usd_per_h, chip) * np.exp(_RENT_SD * normals[_Z_RENT])
    root = np.sqrt(sparsity)
    markup, markup_sd = MARKUP[kind]
    return {
        "total_params": size * root,
        "active_params": size / root,
        "sparsity": sparsity,
        "kv_bytes_per_token": lognormal(_Z_KV, *_KV),
        "scan_fraction": np.exp(math.log(_LEAST_SCAN) * np.maximum(scan_place, 0.0)),
        "weight_bytes": column(table.weight_bytes, width, chip),
        "system": chip,
        "flops_per_s": column(table.flops_per_s, width, chip),
        "bf16_flops_per_s": column(table.bf16_flops_per_s, chip),
        "bytes_per_s": column(table.bytes_per_s, chip),
        "memory_bytes": memory,
        "visible_bytes": column(table.visible_bytes, chip),
        "usd_per_chip_h": rent,
        "batch": np.maximum(lognormal(_Z_BATCH, *_BATCH[kind]), 1.0),  # a pass serves somebody
        "markup": lognormal(_Z_MARKUP, markup, markup_sd),
        "hit_share": logit(_Z_HIT, *_HIT_SHARE),
        "duty_cycle": logit(_Z_DUTY, *_DUTY),
        "prefill_mfu": lognormal(_Z_PREFILL, *_PREFILL) / root,
        "decode_mbu": logit(_Z_MBU, *_BANDWIDTH),
        "context_in_use": lognormal(_Z_CONTEXT, *_CONTEXT),
        "chips_over_least": 1.0 + lognormal(_Z_CHIPS, *_CHIPS_X),
    }
