"""Fits lines of collectives to timings: what a call, a step and a byte cost in each library and engine."""

from collections.abc import Iterable, Mapping
from typing import Any

from tokenroof.catalog import load_chip
from tokenroof.catalog.efficiency import profile_families
from tokenroof.engines.vllm_reduce import SERVER_RANKS, largest_bytes, small_bytes
from tokenroof.measure.ops_data import CollectiveRow
from tokenroof.measure.robust import solve
from tokenroof.units import parse_quantity

__all__ = ["fit_collectives"]

Array = Any

_DELTA, _SIGMA = 1.0, 0.2
# Engines' own all-reduce kernels are used up to about this buffer; beyond it their timings are of no use.
_CUSTOM_KERNEL_BYTES = parse_quantity("1 MiB", "B")
_FEWEST_TIMINGS = 5


def _lines_of(row: CollectiveRow) -> tuple[str, ...]:
    """Which lines of a library a timing tells about; none: it is of no use.

    Eight ranks have a line of their own: the kernel's share of the links falls with the peers that it talks to. What
    vLLM runs on eight ranks beyond its small kernel is `large`. "line@engine" is what an engine itself runs, the plain
    line what those take that nobody timed.
    """
    if row.library == "nccl":
        return ("nccl",)
    if row.ranks < SERVER_RANKS:
        return ("custom", f"custom@{row.library}") if row.bytes <= _CUSTOM_KERNEL_BYTES else ()
    if row.bytes <= small_bytes():
        return ("custom8", f"custom8@{row.library}")
    if row.library == "vllm":
        return ("large",) if row.bytes <= largest_bytes(_family(row.chip)) else ()
    return (f"custom8@{row.library}",) if row.bytes <= _CUSTOM_KERNEL_BYTES else ()


def _family(chip: str) -> str:
    return profile_families().get(chip, "")


def _adding_switch(chip: str) -> bool:
    """Whether the switch between the chips can add: from Hopper on (NVLink SHARP)."""
    return _family(chip) in ("hopper", "blackwell")


def _steps(key: str, ranks: int) -> float:
    """Steps that wait for each other; those of a kernel in one launch are fitted as two, whoever takes part."""
    kind, line = key.split("@")[0].split(".")
    if line != "nccl":
        return 0.0 if line == "large" else 2.0
    return {"all_reduce": 2.0 * (ranks - 1), "all_to_all": 0.0}.get(kind, ranks - 1.0)


def _volume(key: str, chip: str, ranks: int) -> float:
    """Bytes over one link per byte of buffer. A switch that adds takes every rank's buffer once and returns it once."""
    kind, line = key.split("@")[0].split(".")
    if line == "large" and _adding_switch(chip):
        return 1.0
    return 2.0 * (ranks - 1) / ranks if kind == "all_reduce" else (ranks - 1.0) / ranks


def fit_collectives(rows: Iterable[CollectiveRow]) -> dict[str, dict[str, Mapping[str, float]]]:
    """chip -> "kind.line" -> call_s, step_s, bytes_share, n, median_error."""
    import numpy as np

    found: dict[tuple[str, str], list[CollectiveRow]] = {}
    for row in rows:
        for line in _lines_of(row):
            found.setdefault((row.chip, f"{row.kind}.{line}"), []).append(row)
    fitted: dict[str, dict[str, Mapping[str, float]]] = {}
    for (chip_id, key), members in sorted(found.items()):
        link = load_chip(chip_id).scaleup_bytes_per_s
        if link is None or len(members) < _FEWEST_TIMINGS:
            continue
        steps = np.array([_steps(key, row.ranks) for row in members])
        bulk = np.array([_volume(key, chip_id, row.ranks) * row.bytes for row in members]) / link
        seconds = np.array([row.seconds for row in members])

        def evaluate(points: Array, steps: Array = steps, bulk: Array = bulk) -> Array:
            call, step, share = (np.exp(np.atleast_2d(points)[:, at])[:, None] for at in range(3))
            return np.log(call + steps * step + bulk / np.minimum(share, 1.0))

        found_at = solve(
            evaluate, np.log(seconds), _SIGMA, prior=np.log([5e-6, 0.8e-6, 0.6]), width=np.array([1.0, 1.0, 0.5]),
            delta=_DELTA, steps=30,
        ).x  # fmt: skip
        values = np.exp(np.minimum(found_at, [np.inf, np.inf, 0.0]))
        error = float(np.median(np.abs(np.exp(evaluate(found_at)[0]) / seconds - 1.0)))
        fitted.setdefault(chip_id, {})[key] = {
            "call_s": float(values[0]), "step_s": float(values[1]) if steps.any() else 0.0,
            "bytes_share": float(values[2]), "n": float(len(members)), "median_error": error,
        }  # fmt: skip
    return fitted
