"""Requests one by one, as `vllm bench serve` and `sglang.bench_serving` write them where they are asked for detail."""

import math
import statistics
from typing import Any

from tokenroof.measure.importers.documents import Fields
from tokenroof.measure.importers.table import BadRow
from tokenroof.types.benchmark import Request, Spread

__all__ = ["requests_of", "spread_of"]

_LISTS = ("input_lens", "output_lens", "ttfts", "start_times")


def _number(value: Any, name: str, place: int) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not (math.isfinite(value) and value >= 0):
        raise BadRow(f"{name}[{place}] must be finite and not negative")
    return float(value)


def requests_of(fields: Fields) -> tuple[Request, ...]:
    """Every request; none where the file has no lists of them. Times are in seconds; who failed has no output."""
    lists = {name: fields.list(name) for name in (*_LISTS, "itls", "errors")}
    lengths = {name: len(one) for name, one in lists.items() if one is not None}
    if "output_lens" not in lengths or "ttfts" not in lengths:
        return ()
    if len(set(lengths.values())) > 1:
        counts = ", ".join(f"{count} {name}" for name, count in lengths.items())
        raise BadRow(f"lists of requests differ in length: {counts}")
    return tuple(_request(lists, place) for place in range(lengths["output_lens"]))


def _request(lists: dict[str, list[Any] | None], place: int) -> Request:
    found = {
        name: None if (one := lists[name]) is None or one[place] is None else _number(one[place], name, place)
        for name in _LISTS
    }
    gaps: Any = [] if lists["itls"] is None else lists["itls"][place]
    if not isinstance(gaps, list):
        raise BadRow(f"itls[{place}] must be a list")
    between = tuple(_number(one, f"itls[{place}]", k) for k, one in enumerate(gaps))
    error = "" if lists["errors"] is None else lists["errors"][place]
    ttft = found["ttfts"]
    return Request(
        start_s=found["start_times"], isl=found["input_lens"], osl=found["output_lens"], ttft_s=ttft,
        e2e_s=ttft + math.fsum(between) if ttft and between else None, gaps_s=between,
        error=str(error)[:200] if error else "",
    )  # fmt: skip


def spread_of(values: list[float]) -> Spread:
    """Mean, deviation and a few percentiles; nothing of nothing."""
    if not values:
        return Spread()
    ordered = sorted(values)
    last = len(ordered) - 1
    places = tuple((p, ordered[round(p / 100.0 * last)]) for p in (50.0, 90.0, 99.0))
    return Spread(mean=statistics.fmean(values), std=statistics.pstdev(values), percentiles=places)
