"""The pictures of `trace`: requests per second over time, lengths, and what caches of several sizes find."""

from pathlib import Path
from typing import Any

import numpy as np

from tokenroof.present.charts.style import COLOURS, check_ending, new_figure, save_figure, thousands
from tokenroof.simulate.requests import IntArray
from tokenroof.units import format_capacity
from tokenroof.usecases.trace.answer import TraceResponse
from tokenroof.usecases.trace.sentence import duration_text

__all__ = ["draw"]

_BINS = 60
_LEGS = ((172_800.0, 86_400.0, "days"), (7_200.0, 3_600.0, "hours"), (600.0, 60.0, "minutes"))


def _over_time(axis: Any, answer: TraceResponse) -> None:
    scale, unit = next(((scale, unit) for least, scale, unit in _LEGS if answer.duration_s >= least), (1.0, "seconds"))
    starts = [one.start_s / scale for one in answer.windows]
    rates = [one.requests / answer.window_s for one in answer.windows]
    ends = [*starts, starts[-1] + answer.window_s / scale]
    axis.stairs(rates, ends, color=COLOURS["compute"], fill=True, alpha=0.35)
    axis.axhline(answer.request_rate, color=COLOURS["total"], lw=1.2, ls="--", label="mean")
    axis.legend(loc="upper right")
    axis.set(title=f"Requests per second, windows of {answer.window_s:g} s", xlabel=unit, ylabel="requests/s")
    axis.set_ylim(0.0, 1.15 * max(rates))  # room for the legend


def _bars(axis: Any, lengths: IntArray, edges: Any, colour: str, label: str) -> None:
    shares = 100.0 * np.histogram(lengths, edges)[0] / len(lengths)
    axis.stairs(shares, edges, color=COLOURS[colour], fill=True, alpha=0.4, label=label)


def _lengths(axis: Any, answer: TraceResponse) -> None:
    least, most = min(answer.isl.min, answer.osl.min), max(answer.isl.max, answer.osl.max)
    edges = np.unique(np.rint(np.geomspace(least, most + 1.0, _BINS)))
    _bars(axis, answer.columns.isl, edges, "compute", f"input, mean {answer.isl.mean:,.0f}")
    _bars(axis, answer.columns.osl, edges, "weights", f"output, mean {answer.osl.mean:,.0f}")
    axis.set(title="Tokens of a request", xlabel="tokens", ylabel="% of requests")
    axis.set_xscale("log")
    axis.xaxis.set_major_formatter(thousands)
    axis.legend()


def _caches(axis: Any, answer: TraceResponse) -> None:
    if answer.prefixes is None:
        return
    *sized, endless = answer.prefixes.caches
    sizes = [one.capacity_bytes for one in sized]
    shares = [100.0 * one.cache_hit_rate for one in sized]
    axis.plot(sizes, shares, color=COLOURS["kv"], marker="o", label="LRU")
    axis.axhline(100.0 * endless.cache_hit_rate, color=COLOURS["total"], lw=1.2, ls="--", label="no limit")
    axis.set(title=f"Prompt tokens found, {answer.prefixes.model}", xlabel="capacity of the prefix cache", ylabel="%")
    axis.set_xscale("log", base=4)
    axis.set_xticks(sizes, [format_capacity(one) for one in sizes if one is not None], rotation=30, ha="right")
    axis.minorticks_off()
    axis.set_ylim(0.0, max(1.25 * 100.0 * endless.cache_hit_rate, 1.0))
    axis.legend(loc="lower right")


def draw(answer: TraceResponse, path: Path) -> None:
    """Write the chart to svg, png or html. InputError for another ending or an unwritable place."""
    check_ending(path)
    panels = [_over_time] if answer.duration_s > 0.0 else []
    panels.append(_lengths)
    if answer.prefixes is not None and answer.prefixes.model is not None:
        panels.append(_caches)
    figure, axes = new_figure(1, len(panels), width=6.0 * len(panels), height=4.4)
    for axis, panel in zip(axes[0], panels, strict=True):
        panel(axis, answer)
    words = f"{answer.file}, {answer.requests:,} requests in {duration_text(answer.duration_s)}"
    save_figure(figure, path, title=f"Trace {answer.file}", words=words)
