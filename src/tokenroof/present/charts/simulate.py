"""The picture of `simulate`: how latencies are distributed, and the run over time."""

from pathlib import Path
from typing import Any

import numpy as np

from tokenroof.present.charts.style import COLOURS, check_ending, new_figure, save_figure
from tokenroof.simulate.requests import FloatArray
from tokenroof.usecases.simulate.answer import SimulateResponse
from tokenroof.usecases.simulate.statistics import count

__all__ = ["draw"]

_MOST_POINTS = 1000  # of a curve: more are not seen
_LEGS = ((172_800.0, 86_400.0, "days"), (7_200.0, 3_600.0, "hours"), (600.0, 60.0, "minutes"))


def _curve(axis: Any, values: FloatArray, colour: str, label: str, scale: float) -> None:
    """Share of requests below each time."""
    known = np.sort(values[np.isfinite(values)]) * scale
    if not len(known):
        return
    shares = 100.0 * np.arange(1, len(known) + 1) / len(known)
    shown = np.unique(np.linspace(0, len(known) - 1, min(len(known), _MOST_POINTS)).astype(np.int64))
    axis.step(known[shown], shares[shown], where="post", color=COLOURS[colour], lw=1.8, label=label)


def _limit(axis: Any, limit_s: float | None, colour: str, name: str) -> None:
    if limit_s is not None:
        label = f"{name} at most {limit_s * 1e3:,.4g} ms"
        axis.axvline(limit_s * 1e3, color=COLOURS[colour], lw=1.2, ls="--", label=label)


def _latencies(axis: Any, answer: SimulateResponse) -> None:
    outcome = answer.outcome
    ended = count(outcome, answer.request.warmup).ended
    _curve(axis, outcome.tpot_s[ended], "kv", "TPOT", 1e3)
    _curve(axis, outcome.ttft_s[ended], "compute", "TTFT", 1e3)
    _curve(axis, outcome.e2e_s[ended], "total", "E2E", 1e3)
    _limit(axis, answer.tpot_limit_s, "kv", "TPOT")
    _limit(axis, answer.ttft_limit_s, "compute", "TTFT")
    axis.set(title=f"Latency of {answer.counted:,} requests", xlabel="ms", ylabel="% of requests at most that long")
    axis.set_xscale("log")
    axis.xaxis.set_major_formatter(lambda value, _: f"{value:,.12g}")
    axis.set_ylim(0.0, 128.0)  # room for the legend
    axis.set_yticks([0, 25, 50, 75, 100])
    axis.legend(loc="upper left", ncols=3)


def _clock(answer: SimulateResponse) -> tuple[FloatArray, str, float]:
    """Edges of the windows in a unit that people would say, the unit, and its seconds."""
    last_s = answer.series.width_s * len(answer.series.busy)
    scale, unit = next(((scale, unit) for least, scale, unit in _LEGS if last_s >= least), (1.0, "seconds"))
    edges = (np.arange(len(answer.series.busy) + 1) * answer.series.width_s / scale).astype(np.float64)
    return edges, unit, scale


def _span(axis: Any, answer: SimulateResponse, scale: float) -> None:
    """What is left out of statistics is grey."""
    axis.axvspan(0.0, answer.from_s / scale, color=COLOURS["muted"], alpha=0.12, lw=0)
    if answer.to_s < answer.duration_s:
        axis.axvspan(answer.to_s / scale, answer.duration_s / scale, color=COLOURS["muted"], alpha=0.12, lw=0)


def _requests(axis: Any, answer: SimulateResponse) -> None:
    edges, unit, scale = _clock(answer)
    series = answer.series
    _span(axis, answer, scale)
    axis.stairs(series.running, edges, color=COLOURS["compute"], lw=1.4, label="running")
    axis.stairs(series.batch, edges, color=COLOURS["weights"], lw=1.4, label="in a decode step of a replica")
    axis.stairs(series.waiting, edges, color=COLOURS["limit"], lw=1.4, label="waiting")
    most = max(*series.running, *series.waiting, *series.batch, 1)
    axis.set(title="Requests", xlabel=unit, ylabel="requests")
    axis.set_ylim(0.0, 1.3 * most)  # room for the legend
    axis.set_xlim(0.0, edges[-1])
    axis.legend(loc="upper left", ncols=3)


def _machine(axis: Any, answer: SimulateResponse) -> None:
    edges, unit, scale = _clock(answer)
    series = answer.series
    _span(axis, answer, scale)
    axis.stairs([100.0 * one for one in series.busy], edges, color=COLOURS["muted"], lw=1.4, label="steps run")
    if answer.kv_fill is not None:
        axis.stairs(
            [100.0 * one for one in series.kv_fill], edges, color=COLOURS["kv"], lw=1.4, label="KV cache in use"
        )
    axis.set(title="The machine", xlabel=unit, ylabel="%")
    axis.set_ylim(0.0, 125.0)
    axis.set_yticks([0, 25, 50, 75, 100])
    axis.set_xlim(0.0, edges[-1])
    axis.legend(loc="upper left", ncols=2)


def draw(answer: SimulateResponse, path: Path) -> None:
    """Write the chart to svg, png or html. InputError for another ending or an unwritable place."""
    check_ending(path)
    figure, axes = new_figure(1, 3, width=17.0, height=4.6)
    for axis, panel in zip(axes[0], (_latencies, _requests, _machine), strict=True):
        panel(axis, answer)
    save_figure(figure, path, title=f"{answer.model} on {answer.system}, simulated", words=answer.sentence)
