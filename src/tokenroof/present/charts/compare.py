"""Runs on the roofline of one GPU, and on the curve of latency against requests at once."""

from pathlib import Path
from typing import Any

from tokenroof.present.charts.style import COLOURS, check_ending, new_figure, plain_logarithm, save_figure, thousands
from tokenroof.usecases.compare.answer import ComparedRun, CompareResponse

__all__ = ["draw"]


def _roofline(axis: Any, answer: CompareResponse) -> None:
    import numpy as np

    told = [run for run in answer.runs if run.roofline is not None]
    first = answer.runs[0].roofline
    assert first is not None
    intensities = np.geomspace(1.0, max(10.0 * first.ridge, 1e3), 200)
    roof = np.minimum(first.peak_flops_per_s, intensities * first.bytes_per_s)
    axis.plot(intensities, roof, color=COLOURS["muted"], lw=1.5)
    name = f"{first.peak_rate}, dense, {first.peak_flops_per_s / 1e12:,.0f} TFLOP/s"
    axis.annotate(
        name, (intensities[-1], first.peak_flops_per_s), ha="right", va="bottom", fontsize=8.5, color=COLOURS["muted"]
    )
    points = [run.roofline for run in told if run.roofline is not None]
    at = [one.intensity for one in points]
    axis.plot(at, [one.predicted_flops_per_s for one in points], "o", mfc="white", color=COLOURS["total"],
              label="predicted", ls="none")  # fmt: skip
    seen = [(one.intensity, one.flops_per_s) for one in points if one.flops_per_s is not None]
    if seen:
        axis.plot(*zip(*seen, strict=True), "s", color=COLOURS["limit"], ms=5, ls="none", label="measured")
    low = min((rate for _, rate in seen), default=first.peak_flops_per_s / 1e3)
    axis.set(xscale="log", yscale="log", title="Decode steps on the roofline of one GPU",
             xlabel="FLOP per byte that must be read", ylabel="FLOP/s")  # fmt: skip
    axis.set_ylim(min(low, first.peak_flops_per_s / 1e3) / 3.0, first.peak_flops_per_s * 2.0)
    axis.legend(loc="lower right")


def _curve_of(run: ComparedRun) -> tuple[object, ...]:
    """What one predicted curve is of: runs that differ in it, as in engine version or graphs, lie on others."""
    made = run.deployment
    timed = None if made is None else (made.profile, made.layout, made.kv_dtype, made.tokens_per_step)
    return run.what, run.isl, run.osl, timed


def _latency(axis: Any, answer: CompareResponse) -> None:
    worst = answer.runs[0]
    if not answer.curve:
        axis.set_axis_off()
        return
    at = [one.concurrency for one in answer.curve]
    axis.plot(at, [1e3 * one.tpot.value for one in answer.curve], color=COLOURS["total"], lw=2, label="predicted")
    lows, highs = (
        [1e3 * (getattr(one.tpot, end) or one.tpot.value) for one in answer.curve] for end in ("low", "high")
    )
    axis.fill_between(at, lows, highs, color=COLOURS["muted"], alpha=0.2, lw=0, label="80 % range")
    bounds = [1e3 * (one.tpot.bound or 0.0) for one in answer.curve]
    axis.plot(at, bounds, color=COLOURS["compute"], lw=1.3, ls="--", label="hardware bound")
    alike = [run for run in answer.runs if _curve_of(run) == _curve_of(worst)]
    seen = [(run.load_value, one.measured) for run in alike if (one := run.of("tpot")) is not None]
    axis.plot([x for x, _ in seen], [1e3 * y for _, y in seen], "s", color=COLOURS["limit"], ms=6, label="measured")
    axis.set(title=f"TPOT by requests at once, {worst.isl:,.0f} in, {worst.osl:,.0f} out", xscale="log",
             xlabel="requests at once", ylabel="TPOT (ms)", yscale="log")  # fmt: skip
    plain_logarithm(axis.xaxis, thousands)
    plain_logarithm(axis.yaxis, thousands)
    axis.legend(loc="upper left")


def draw(answer: CompareResponse, path: Path) -> None:
    """Two panels: roofline, latency."""
    check_ending(path)
    figure, axes = new_figure(1, 2, width=11.5, height=4.9)
    _roofline(axes[0, 0], answer)
    _latency(axes[0, 1], answer)
    title = answer.runs[0].what
    figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    save_figure(figure, path, title=title, words=answer.sentence)
