"""The pictures of `analyze`: latency against batch, cost against batch, cost against context."""

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
from tokenroof.solve import crossing
from tokenroof.usecases.analyze.answer import AnalyzeResponse
from tokenroof.usecases.analyze.bound import ClosedForm, inputs_at
from tokenroof.usecases.analyze.closed_form import roofline_numbers
from tokenroof.usecases.analyze.pool import Pool
from tokenroof.xp import NUMPY

__all__ = ["draw"]


def _over_batch(bound: ClosedForm, pool: Pool, price: float | None) -> tuple[Any, dict[str, Any]]:
    import numpy as np

    wall = pool.largest_batch(bound.context)
    wall = wall if wall < 1e6 else 0.0
    top = max(bound.batch * 1.5, min(bound.critical_batch, 1e6) * 3.0, min(wall * 1.6, bound.critical_batch * 30), 64.0)
    batches = np.geomspace(1.0, top, 400)
    inputs = inputs_at(pool, 1.0, bound.context, price) | {"batch": batches}
    return batches, roofline_numbers(inputs, bound.rule, NUMPY)


def _over_context(bound: ClosedForm, pool: Pool, price: float) -> tuple[Any, dict[str, Any]]:
    import numpy as np

    critical = bound.critical_context if bound.critical_context < 1e8 else bound.context
    limit = pool.model.context_config or 131072
    contexts = np.geomspace(256.0, max(limit, critical * 4, bound.context * 2), 300)
    inputs = inputs_at(pool, bound.batch, bound.context, price)
    reads = np.array([pool.read_bytes(float(c)) / float(c) for c in contexts])
    return contexts, roofline_numbers(inputs | {"context": contexts, "kv_bytes_per_token": reads}, bound.rule, NUMPY)


def _wall(axis: Any, at: float, text: str, low: float, high: float) -> None:
    if low < at < high:
        axis.axvline(at, color=COLOURS["limit"], lw=1.2, ls="--")
        axis.axvspan(at, high, color=COLOURS["limit"], alpha=0.06, lw=0)
        note_beside(axis, at, text, "limit", rotation=90)


def _components(axis: Any, x: Any, numbers: dict[str, Any], scale: Any) -> None:
    """The three parts of a step as lines; weights dashed, since they often lie on the arithmetic."""
    for name, label, dash in (
        ("compute", "arithmetic", "-"),
        ("weights", "weight reads", "--"),
        ("kv", "KV reads", "-"),
    ):
        axis.plot(x, numbers[f"{name}_s"] * (x * 0 + 1) * scale, color=COLOURS[name], lw=1.5, ls=dash, label=label)


def _latency_panel(axis: Any, bound: ClosedForm, batches: Any, numbers: dict[str, Any], most: float) -> None:
    _components(axis, batches, numbers, 1e3)
    axis.plot(batches, numbers["step_s"] * 1e3, color=COLOURS["total"], lw=2.4, label="decode step")
    axis.plot([bound.batch], [bound.roofline.step_s * 1e3], "o", color=COLOURS["total"], ms=7)
    _wall(axis, most, "memory full", batches[0], batches[-1])
    axis.set(title="Latency: one step of the whole batch", xlabel="batch (sequences)", ylabel="decode step (ms)")
    axis.set_xscale("log")
    axis.set_ylim(0, float(numbers["step_s"].max()) * 1e3 * 1.05)
    axis.legend(loc="upper left")


def _cost_panel(axis: Any, bound: ClosedForm, batches: Any, numbers: dict[str, Any], most: float) -> None:
    cost = numbers["cost_usd_per_token"] * 1e6
    _components(axis, batches, numbers, cost / numbers["step_s"])
    axis.plot(batches, cost, color=COLOURS["total"], lw=2.4, label="cost")
    if bound.cost is not None:
        axis.axhline(bound.cost.floor, color=COLOURS["kv"], lw=1.2, ls=":", label="floor of any slow mode")
        axis.plot([bound.batch], [bound.cost.at_batch], "o", color=COLOURS["total"], ms=7)
    _wall(axis, most, "memory full", batches[0], batches[-1])
    axis.set(title="Cost falls with the batch, to a floor", xlabel="batch (sequences)",
             ylabel="USD per M output tokens")  # fmt: skip
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_ylim(min(bound.cost.floor if bound.cost else 1.0, float(cost.min())) / 4, float(cost.max()) * 2)
    axis.legend(loc="upper right")


def _context_panel(axis: Any, bound: ClosedForm, contexts: Any, numbers: dict[str, Any], wall: float) -> None:
    _components(axis, contexts, numbers, numbers["cost_usd_per_token"] * 1e6 / numbers["step_s"])
    axis.plot(contexts, numbers["cost_usd_per_token"] * 1e6, color=COLOURS["total"], lw=2.4, label="cost")
    critical = bound.critical_context
    if contexts[0] < critical < contexts[-1]:
        axis.axvline(critical, color=COLOURS["muted"], lw=1.0, ls=":")
        note_beside(axis, critical, f"critical context {thousands(float(f'{critical:.2g}'))}", "muted", top=True)
    _wall(axis, wall, "memory full at this batch", contexts[0], contexts[-1])
    axis.set(title=f"Context is what costs, at batch {bound.batch:,.0f}", xlabel="context (tokens)",
             ylabel="USD per M output tokens")  # fmt: skip
    axis.set_xscale("log")
    axis.set_yscale("log")
    low = float(numbers["cost_usd_per_token"].min()) * 1e6
    axis.set_ylim(low / 30, float(numbers["cost_usd_per_token"].max()) * 1e6 * 1.5)
    axis.legend(loc="upper left", bbox_to_anchor=(0, 0.9))


def draw(answer: AnalyzeResponse, path: Path) -> None:
    """Write the bounds of an answer to svg, png or html. InputError for another ending or an unwritable place."""
    check_ending(path)
    bound = answer.bound
    pool = bound.pool
    if pool is None:
        raise TypeError("an answer read back from JSON has nothing to draw")
    price = bound.usd_per_gpu_h
    batches, numbers = _over_batch(bound, pool, price)
    panels = 3 if price else 1
    figure, axes = new_figure(1, panels, width=4.9 * panels if price else 7, height=4.4)
    most = pool.largest_batch(bound.context)
    _latency_panel(axes[0, 0], bound, batches, numbers, most)
    if price:
        _cost_panel(axes[0, 1], bound, batches, numbers, most)
        contexts, costs = _over_context(bound, pool, price)
        wall = crossing(lambda context: pool.largest_batch(context) >= bound.batch, 1.0, 1e9, ratio=True)[1]
        _context_panel(axes[0, 2], bound, contexts, costs, wall)
    for axis in axes[0]:
        axis.xaxis.set_major_formatter(thousands)
        axis.yaxis.set_major_formatter(dollars if "USD" in axis.get_ylabel() else thousands)
    title = f"{answer.model_name} on {answer.system_name}"
    figure.suptitle(f"{title}   ·   weights {pool.weight_dtype}, context {bound.context:,.0f}, "
                    f"rule {bound.rule}; lower bounds", x=0.01, ha="left", fontsize=12)  # fmt: skip
    save_figure(figure, path, title=title)
