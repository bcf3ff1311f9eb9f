"""What is believed before any price is seen: one entry per unknown, with its reason.

A draw is a row of independent standard normals; `unknowns` turns rows into physical numbers. So the prior is
simple to sample, and a proposal for importance sampling is a normal density beside it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

from tokenroof.infer.machines import machine_weights, machines, rent_index
from tokenroof.infer.numerics import normal_cdf
from tokenroof.infer.population import NOW, Line, Population, architectures

__all__ = ["N_DIMS", "OWN_MARKUP", "Prior", "Setting", "mixture_share", "priors", "unknowns"]


# Log-sd of what one seller of open weights, or the median of several, asks over the line of its kind: a part of the
# line's own scatter, told apart so that a price has a mark-up of its own. Assumed.
OWN_MARKUP: Mapping[str, tuple[float, float]] = {"market": (1.0, 0.20), "open": (1.0, 0.30)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Who sells, when, and out of what population: what a prior depends on.

    `kind` is market, open or closed; `priced` and `released` are years. `markup` is the median and log-sd of what a
    seller asks over the line of its kind.
    """

    kind: str
    population: Population
    priced: float = NOW
    released: float = NOW
    markup: tuple[float, float] = OWN_MARKUP["open"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """One unknown: its distribution in words, and why."""

    name: str
    unit: str
    text: str
    why: str


_SPARSE_SHARE, _LEAST_SCAN = 0.25, 0.04
_WEIGHT_SHARES = (0.15, 0.65, 0.20)
# sequences that share one read of the weights: a lab with frontier traffic fills larger passes
_BATCH: Mapping[str, tuple[float, float]] = {"market": (256.0, 1.0), "open": (256.0, 1.0), "closed": (1024.0, 1.2)}
_RENT_SD = 0.20
_HIT_SHARE = (0.5, 0.8)
_DUTY = (0.5, 0.5)
_PREFILL = (0.5, 0.20)
# Mixtures that came out until 2024 were sold at the price of what is active, those of today by both counts.
_BY_ACTIVE_UNTIL, _BY_BOTH_FROM = 2024.0, 2026.0
_BANDWIDTH = (0.6, 0.5)
_CONTEXT = (5e3, 0.8)
_CHIPS_X = (2.0, 0.6)
# Rent, load, batch, lengths and chips are one seller's own: over the three hosts at least behind a median they average.
_LEAST_HOSTS = 3

_REST = (
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
    Prior(
        name="system", unit="1", text="a chip of infer.machines by its weight in the year of the price",
        why="what serves public traffic",
    ),
    Prior(
        name="usd_per_chip_h", unit="USD/GPU/h",
        text=f"0.65 of the on-demand median x/÷{math.exp(_RENT_SD):.1f}, times the rents of the year over today's",
        why="contracts are cheaper than lists; what is one seller's own is narrower by sqrt(3) in a median over hosts",
    ),
    Prior(
        name="batch_over_balance", unit="1",
        text="follows from sequences that share one weight read: "
        + "; ".join(f"{kind} {m:g} x/÷{math.exp(sd):.1f}" for kind, (m, sd) in _BATCH.items()),
        why="traffic, not the roofline, sets the batch; DeepSeek runs some 12,700 over 144 chips, a small host 50",
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
        text=f"log-normal {_PREFILL[0]:g} x/÷{math.exp(_PREFILL[1]):.1f}, over sparsity^q: q is 0 until "
        f"{_BY_ACTIVE_UNTIL:g} and a half from {_BY_BOTH_FROM:g}",
        why="dense prefill reaches half of peak, DeepSeek-V3 15 %; mixtures were sold by A, and now by sqrt(N A)",
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


def mixture_share(released: float) -> float:
    """Power of sparsity by which a mixture's prefill falls short of a dense model's, as its price shows it."""
    place = (released - _BY_ACTIVE_UNTIL) / (_BY_BOTH_FROM - _BY_ACTIVE_UNTIL)
    return 0.5 * min(max(place, 0.0), 1.0)


def _cuts(shares: tuple[float, ...]) -> list[float]:
    """Thresholds of a standard normal that split it into these shares."""
    total, cuts = 0.0, []
    for share in shares[:-1]:
        total += share / sum(shares)
        cuts.append(NormalDist().inv_cdf(total))
    return cuts


def _line(line: Line, of: str, unit: str) -> str:
    """A line of the population in words, at the size of the population's middle."""
    by = f" x size^{line.size_slope:.2g}" if line.size_slope else ""
    when = f" x {math.exp(line.year_slope):.2g} a year from 2025" if line.year_slope else ""
    return f"{of} {math.exp(line.at):.3g} {unit}{by}{when}, x/÷{math.exp(line.sd):.1f}"


def priors(setting: Setting) -> tuple[Prior, ...]:
    """What is believed of a seller of this kind and day, in words."""
    p = setting.population
    median, sd = setting.markup
    dense = 1.0 / (1.0 + math.exp(-p.dense.mean(math.log(30.0), setting.released)))
    fitted = f"{p.n} architectures of {p.labs} labs that are sold"
    return (
        Prior(
            name="total_params", unit="param",
            text=f"geometric-mean size {_line(p.size, 'log-normal', 'B')}, times sqrt(sparsity)",
            why=f"{fitted}: larger every year, and where a lab lives on them",
        ),
        Prior(
            name="active_params", unit="param",
            text=f"total / sparsity; at 30 B dense with a chance of {dense:.2g}, else sparsity "
            f"{_line(p.sparsity, 'log-normal', '')}",
            why=f"{fitted}: large ones became mixtures, and mixtures sparser",
        ),
        Prior(
            name="kv_bytes_per_token", unit="B/token",
            text=f"dense {_line(p.kv_dense, 'log-normal', 'KB')}; mixture {_line(p.kv_mixture, 'log-normal', 'KB')}; "
            "size in active billions",
            why=f"{fitted}: 16-bit bytes per token at long context",
        ),
        Prior(
            name="markup", unit="1", text=f"{setting.kind}: {median:.2g} x/÷{math.exp(sd):.1f}",
            why="over what the line of its kind says; closed models may ask much more",
        ),
        *_REST,
    )  # fmt: skip


def unknowns(z: Any, setting: Setting) -> dict[str, Any]:
    """Physical numbers for rows of standard normals."""
    import numpy as np

    normals = np.ascontiguousarray(z.T)  # a column at a time lies together: everything below is twice as fast

    own = _LEAST_HOSTS**-0.5 if setting.kind == "market" else 1.0

    def lognormal(column: int, centre: float, sd: float, part: float = 1.0) -> Any:
        return centre * np.exp(part * sd * normals[column])

    def logit(column: int, centre: float, sd: float, part: float = 1.0) -> Any:
        return 1.0 / (1.0 + (1.0 / centre - 1.0) * np.exp(-part * sd * normals[column]))

    def choice(column: int, shares: tuple[float, ...]) -> Any:
        # sums of comparisons: a handful of categories, far faster than a search
        return sum((normals[column] > cut for cut in _cuts(shares)), np.zeros(len(z), dtype=np.int8)).astype(np.intp)

    table = machines()
    names = {"size": _Z_SIZE, "dense": _Z_DENSE, "sparsity": _Z_SPARSITY, "kv": _Z_KV}
    model = architectures({name: normals[at] for name, at in names.items()}, setting.population, setting.released)
    scan_place = (normal_cdf(normals[_Z_SCAN]) - (1.0 - _SPARSE_SHARE)) / _SPARSE_SHARE
    width = choice(_Z_WIDTH, _WEIGHT_SHARES)
    chip = choice(_Z_SYSTEM, machine_weights(setting.priced))

    def column(values: Any, *index: Any) -> Any:
        # in the draws' own precision: one wide column would make everything after it wide, and half as fast
        return values.astype(z.dtype)[index]

    memory = column(table.memory_bytes, chip)
    rent = column(table.contract_usd_per_h * rent_index(setting.priced), chip) * np.exp(
        own * _RENT_SD * normals[_Z_RENT]
    )
    return {
        **model,
        "scan_fraction": np.exp(math.log(_LEAST_SCAN) * np.maximum(scan_place, 0.0)),
        "weight_bytes": column(table.weight_bytes, width, chip),
        "system": chip,
        "flops_per_s": column(table.flops_per_s, width, chip),
        "bf16_flops_per_s": column(table.bf16_flops_per_s, chip),
        "bytes_per_s": column(table.bytes_per_s, chip),
        "memory_bytes": memory,
        "visible_bytes": column(table.visible_bytes, chip),
        "usd_per_chip_h": rent,
        "batch": np.maximum(lognormal(_Z_BATCH, *_BATCH[setting.kind], own), 1.0),  # a pass serves somebody
        "markup": lognormal(_Z_MARKUP, *setting.markup),
        "hit_share": logit(_Z_HIT, *_HIT_SHARE),
        "duty_cycle": logit(_Z_DUTY, *_DUTY, own),
        "prefill_mfu": lognormal(_Z_PREFILL, *_PREFILL) / model["sparsity"] ** mixture_share(setting.released),
        "decode_mbu": logit(_Z_MBU, *_BANDWIDTH),
        "context_in_use": lognormal(_Z_CONTEXT, *_CONTEXT, own),
        "chips_over_least": 1.0 + lognormal(_Z_CHIPS, *_CHIPS_X, own),
    }
