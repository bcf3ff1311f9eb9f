"""Predicted against measured, one panel per set: on the diagonal is right, the band is 15 % either way."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tokenroof.errors import InputError
from tokenroof.present.charts.style import COLOURS, check_ending, new_figure, save_figure
from tokenroof.usecases.measured.validate import Scored

__all__ = ["draw"]

_KINDS = {
    "first token": (("ttft_ms", "ttft_p50_ms"), COLOURS["weights"], "s"),
    "time per token": (("tpot_ms", "tpot_p50_ms", "itl_ms", "itl_p50_ms"), COLOURS["compute"], "o"),
    "latency": (("e2e_latency_s",), COLOURS["second"], "D"),
    "throughput": (
        ("output_tok_s", "output_tok_s_per_gpu", "total_tok_s", "input_tok_s", "input_tok_s_per_gpu"),
        COLOURS["kv"],
        "^",
    ),
}


def _panel(axis: Any, name: str, rows: Sequence[Scored]) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    for label, (metrics, colour, marker) in _KINDS.items():
        points = [(row.run.value, row.predicted) for row in rows if row.run.metric in metrics]
        if points:
            x, y = zip(*points, strict=True)
            axis.plot(x, y, marker, color=colour, ms=3, alpha=0.45, mew=0, label=f"{label} ({len(points):,})")
    values = [value for row in rows for value in (row.run.value, row.predicted)]
    low, high = min(values) / 1.5, max(values) * 1.5
    axis.plot([low, high], [low, high], color=COLOURS["total"], lw=1)
    axis.fill_between(
        [low, high], [low * 0.85, high * 0.85], [low * 1.15, high * 1.15], color=COLOURS["muted"], alpha=0.2, lw=0
    )
    axis.set(xscale="log", yscale="log", xlim=(low, high), ylim=(low, high), title=name.removesuffix(".csv"))
    if high < 100.0 * low:  # few powers of ten: labels at 1, 2 and 5, since those of every tick run into each other
        for side in (axis.xaxis, axis.yaxis):
            side.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            side.set_major_formatter(lambda value, _position=0: f"{value:g}")
            side.set_minor_formatter(NullFormatter())
    axis.legend(loc="upper left", markerscale=2, handletextpad=0.2)


def draw(rows: Sequence[Scored], path: Path) -> None:
    """One panel per table. Each metric keeps the unit of its rows: ms, s, tok/s."""
    check_ending(path)
    if not rows:
        raise InputError("plot", str(path), "drawn from at least one scored row", "every row was skipped")
    sets: dict[str, list[Scored]] = {}
    for row in rows:
        sets.setdefault(row.run.file, []).append(row)
    columns = min(3, len(sets))
    lines = math.ceil(len(sets) / columns)
    figure, axes = new_figure(lines, columns, width=4.6 * columns, height=4.4 * lines + 0.5)
    flat = [axis for row in axes for axis in row]
    for axis, (name, members) in zip(flat, sorted(sets.items()), strict=False):
        _panel(axis, name, members)
    for axis in flat[len(sets) :]:
        axis.set_axis_off()
    figure.supxlabel("measured (ms, s or tok/s)")
    figure.supylabel("predicted")
    title = "Predicted against measured; the band is 15 % either way"
    figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    save_figure(figure, path, title=title)
