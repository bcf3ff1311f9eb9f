"""The pictures of `analyze` under the operator engine: latency, cost, context, and every operator on the roofline."""

from pathlib import Path
from typing import Any

from tokenroof.present.charts.style import (
    COLOURS,
    check_ending,
    dollars,
    new_figure,
    note_beside,
    save_figure,
    thousands,
)
from tokenroof.types.program import Load
from tokenroof.usecases.analyze.answer import AnalyzeResponse

__all__ = ["draw_operators"]

_PARTS = (("compute_s", "arithmetic", "compute", "-"), ("weights_s", "weight reads", "weights", "--"),
          ("kv_s", "KV reads", "kv", "-"), ("communication_s", "networks", "second", "-"))  # fmt: skip


def _steps(answer: AnalyzeResponse, batches: Any, contexts: Any) -> Any:
    return answer.deployment.timed.step(decode=Load(batches, batches, contexts))


def _wall(axis: Any, at: float, text: str) -> None:
    low, high = axis.get_xlim()
    if low < at < high:
        axis.axvline(at, color=COLOURS["limit"], lw=1.2, ls="--")
        axis.axvspan(at, high, color=COLOURS["limit"], alpha=0.06, lw=0)
        note_beside(axis, at, text, "limit", rotation=90)
        axis.set_xlim(low, high)


def _lines(axis: Any, x: Any, steps: Any, scale: Any) -> None:
    for name, label, colour, dash in _PARTS:
        values = getattr(steps, name) * (x * 0 + 1) * scale
        if float(values.max()) > 0:
            axis.plot(x, values, color=COLOURS[colour], lw=1.4, ls=dash, label=label)
    axis.plot(x, steps.step_s * scale, color=COLOURS["total"], lw=2.4, label="step, all operators")


def _batch_panels(left: Any, right: Any, answer: AnalyzeResponse) -> None:
    import numpy as np

    most = answer.rooms.by_memory / answer.layout.pp
    top = max(answer.batch * 2, min(float(most), 1e6) * 1.5, 16.0)
    batches = np.geomspace(1.0, top, 240)
    steps = _steps(answer, batches, answer.context)
    _lines(left, batches, steps, 1e3)
    left.plot([answer.batch], [float(answer.step.step_s) * 1e3], "o", color=COLOURS["total"], ms=7)
    left.set(title="Latency: one step of the whole batch", xlabel="batch (sequences)", ylabel="decode step (ms)")
    left.set_xscale("log")
    left.set_ylim(0, float(steps.step_s.max()) * 1e3 * 1.05)
    left.legend(loc="upper left")
    _wall(left, float(most), "memory full")
    if answer.cost is None:
        right.set_axis_off()
        return
    gpus_per_step = answer.gpus / answer.replicas / answer.layout.pp
    scale = answer.cost.usd_per_gpu_h / 3600.0 * gpus_per_step / batches * 1e6
    _lines(right, batches, steps, scale)
    floor = answer.bound.cost.floor if answer.bound.cost else 1e-6
    right.axhline(floor, color=COLOURS["muted"], lw=1.2, ls=":", label="floor of any slow mode")
    here = float(answer.step.step_s) * answer.cost.usd_per_gpu_h / 3600.0 * gpus_per_step / answer.batch * 1e6
    right.plot([answer.batch], [here], "o", color=COLOURS["total"], ms=7)
    right.set(
        title="Cost falls with the batch, to a floor", xlabel="batch (sequences)", ylabel="USD per M output tokens"
    )
    right.set(xscale="log", yscale="log")
    right.set_ylim(floor / 4, float((steps.step_s * scale).max()) * 2)
    right.legend(loc="upper right", frameon=True, facecolor="white", edgecolor="none", framealpha=1.0)
    _wall(right, float(most), "memory full")


def _context_panel(axis: Any, answer: AnalyzeResponse) -> None:
    import numpy as np

    deployment = answer.deployment
    limit = float(deployment.model.context_config or 131072)
    contexts = np.geomspace(256.0, max(limit, answer.context * 2), 240)
    steps = _steps(answer, answer.batch, contexts)
    cost = answer.cost
    gpus_per_step = answer.gpus / answer.replicas / answer.layout.pp
    scale = 1e3 if cost is None else cost.usd_per_gpu_h / 3600.0 * gpus_per_step / answer.batch * 1e6
    _lines(axis, contexts, steps, scale)
    label = "decode step (ms)" if cost is None else "USD per M output tokens"
    axis.set(title=f"Context is what costs, at batch {answer.batch:,.0f}", xlabel="context (tokens)", ylabel=label)
    axis.set(xscale="log", yscale="log")
    axis.set_ylim(float((steps.step_s * scale).min()) / 30, float((steps.step_s * scale).max()) * 1.5)
    axis.plot([answer.context], [float(answer.step.step_s) * scale], "o", color=COLOURS["total"], ms=7)
    axis.legend(loc="upper left")
    holds = answer.rooms.by_memory / answer.layout.pp / answer.batch * answer.context
    _wall(axis, holds, "memory full at this batch")


def _roofline_panel(axis: Any, answer: AnalyzeResponse) -> None:
    """Operators by intensity and by the rate they reach, under the roofs of the chip."""
    import numpy as np

    deployment = answer.deployment
    chip = deployment.system.chip
    intensities = np.geomspace(0.1, 1e4, 200)
    rates = {row.rate for row in answer.operators if row.flops and row.rate in chip.flops_per_s} or {"bf16"}
    for rate in sorted(rates & set(chip.flops_per_s)):
        roof = np.minimum(chip.flops_per_s[rate], intensities * chip.bytes_per_s)
        axis.plot(intensities, roof, color=COLOURS["muted"], lw=1.3)
        axis.annotate(
            rate, (1e4, chip.flops_per_s[rate]), ha="right", va="bottom", fontsize=8.5, color=COLOURS["muted"]
        )
    shown = [row for row in answer.operators if row.flops and row.flops_per_byte]
    for row in shown:
        colour = COLOURS["kv"] if not row.weight_bytes else COLOURS["weights"]
        size = 20 + 900 * row.share
        axis.scatter([row.flops_per_byte], [row.flops / row.time_s], s=size, color=colour, alpha=0.6, lw=0)
    heaviest = sorted(shown, key=lambda row: -row.share)[:5]
    ceiling = max(chip.flops_per_s[rate] for rate in rates & set(chip.flops_per_s))
    by_height = sorted(heaviest, key=lambda row: row.flops / row.time_s)
    for place, row in enumerate(by_height):
        spot = (0.13, ceiling / 10 ** (0.45 * (len(by_height) - 1 - place)))
        axis.annotate(
            f"{row.name} {row.share:.0%}", (row.flops_per_byte, row.flops / row.time_s), xytext=spot, fontsize=8.5,
            va="center", arrowprops={"arrowstyle": "-", "color": COLOURS["muted"], "lw": 0.6},
        )  # fmt: skip
    axis.set(xscale="log", yscale="log", xlim=(0.1, 1e4), title="Operators on the roofline; area is share of the step",
             xlabel="FLOP per byte of memory traffic", ylabel="FLOP/s on one GPU")  # fmt: skip
    axis.set_ylim(ceiling / 1e4, ceiling * 2)


def draw_operators(answer: AnalyzeResponse, path: Path) -> None:
    """Write the four panels of an answer."""
    check_ending(path)
    figure, axes = new_figure(2, 2, width=11.5, height=9.2)
    _batch_panels(axes[0, 0], axes[0, 1], answer)
    _context_panel(axes[1, 0], answer)
    _roofline_panel(axes[1, 1], answer)
    for axis in (axes[0, 0], axes[0, 1], axes[1, 0]):
        axis.xaxis.set_major_formatter(thousands)
        axis.yaxis.set_major_formatter(dollars if "USD" in axis.get_ylabel() else thousands)
    title = f"{answer.model_name} on {answer.system_name}"
    figure.suptitle(
        f"{title}   ·   {answer.layout_label}, context {answer.context:,.0f}, decode steps alone, "
        f"profile {answer.profile}",
        x=0.01, ha="left", fontsize=12,
    )  # fmt: skip
    save_figure(figure, path, title=title)
