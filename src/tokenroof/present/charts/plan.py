"""The pictures of `plan`: frontier, cost against requests at once, memory of a GPU, machines compared."""

from pathlib import Path
from typing import Any

from tokenroof.planner.points import front_gpus, units_in
from tokenroof.present.charts.style import (
    COLOURS,
    check_ending,
    dollars,
    new_figure,
    note_beside,
    save_figure,
    thousands,
)
from tokenroof.present.pages.parts import formats_and_drafts
from tokenroof.usecases.plan.answer import Candidate, Curve, FrontierPoint, MachinePlan, PlanResponse

__all__ = ["draw_plan"]

_LOOKS = (("compute", "o", "-"), ("limit", "s", "--"), ("kv", "^", "-."), ("second", "D", ":"), ("weights", "v", "-"),
          ("third", "P", "--"))  # fmt: skip
_PARTS = (("weights_bytes", "weights", "weights", ""), ("kv_bytes", "KV in use", "kv", "//"),
          ("free_kv_bytes", "KV free", "kv", ""), ("activations_bytes", "activations", "third", ".."),
          ("reserve_bytes", "engine's reserve", "muted", "xx"))  # fmt: skip


def _short(label: str) -> str:
    """`TP8`, `DEP16`, `PP3:DP18`: the names that charts of serving use."""
    words = label.replace("(", "").replace(")", "").split()
    sides = " ".join(words).split(" : ")
    return " : ".join(_side(side) for side in sides)


def _side(side: str) -> str:
    count, _, rest = side.rpartition(" x ")
    degrees = rest.split()
    named = {d.rstrip("0123456789"): d[len(d.rstrip("0123456789")) :] for d in degrees}
    text = " ".join(word.upper() for word in degrees)
    if set(named) == {"dp", "ep"} and named["dp"] == named["ep"]:
        text = f"DEP{named['dp']}"
    elif set(named) == {"tp", "ep"} and named["tp"] == named["ep"]:
        text = f"TEP{named['tp']}"
    return f"{count}x{text}" if count and count != "1" else text


def _labelled(edge: tuple[FrontierPoint, ...], most: int = 5) -> list[FrontierPoint]:
    """Points to name: those where the layout changes, spread over the curve."""
    import math

    found: list[FrontierPoint] = []
    for point in edge:
        if found and point.label == found[-1].label:
            continue
        apart = all(
            abs(math.log(point.tokens_per_s_per_user / other.tokens_per_s_per_user)) > 0.25
            or abs(math.log(point.output_tokens_per_s_per_gpu / other.output_tokens_per_s_per_gpu)) > 0.35
            for other in found
        )
        if apart:
            found.append(point)
    step = max(1, -(-len(found) // most))
    return found[::step]


def _pareto(axis: Any, answer: PlanResponse) -> None:
    several = len(answer.machines) > 1
    for number, machine in enumerate(answer.machines[: len(_LOOKS)]):
        colour, marker, dash = _LOOKS[number]
        edge = sorted(machine.frontier, key=lambda point: point.tokens_per_s_per_user)
        x = [point.tokens_per_s_per_user for point in edge]
        y = [point.output_tokens_per_s_per_gpu for point in edge]
        if number == 0 and machine.points is not None and machine.space is not None:
            _faint(axis, answer, machine, min(x, default=1.0))
        axis.plot(
            x, y, ls=dash, lw=1.4, marker=marker, ms=5, mfc="white", color=COLOURS[colour],
            label=_name(machine, several),
        )  # fmt: skip
        if number == 0:
            for place, point in enumerate(_labelled(tuple(edge))):
                axis.annotate(
                    f"{_short(point.label)}, {formats_and_drafts(point)}, {point.concurrency:,.0f} at once",
                    (point.tokens_per_s_per_user, point.output_tokens_per_s_per_gpu),
                    xytext=(9, 5 if place % 2 == 0 else 10), textcoords="offset points", fontsize=8,
                )  # fmt: skip
        if machine.winner is not None:
            winner = machine.winner
            axis.plot(
                [winner.tokens_per_s_per_user], [winner.output_tokens_per_s_per_gpu], marker="*", ms=15, mfc="white",
                mec=COLOURS[colour], ls="none", label="winner at its load" if number == 0 else None,
            )  # fmt: skip
    _measured(axis, answer)
    axis.set(xscale="log", yscale="log", xlabel="tok/s/user", ylabel="output tok/s/GPU")
    axis.set_title("Frontier: up and to the right is better")
    if answer.slo.tpot_s is not None:
        low, high = axis.get_xlim()
        wall = 1.0 / answer.slo.tpot_s
        axis.axvline(wall, color=COLOURS["limit"], lw=1.2, ls="--")
        axis.axvspan(min(low, wall), wall, color=COLOURS["limit"], alpha=0.06, lw=0)
        note_beside(axis, wall, f"TPOT {answer.slo.tpot_s * 1e3:g} ms", "limit", rotation=90)
        axis.set_xlim(min(low, wall * 0.8), high * 2.2)
    else:
        low, high = axis.get_xlim()
        axis.set_xlim(low, high * 2.2)
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=3, columnspacing=1.2)


def _measured(axis: Any, answer: PlanResponse) -> None:
    """Measured runs filled, each machine's in its own shape and colour."""
    shown = [machine for machine in answer.machines[: len(_LOOKS)] if machine.space is not None]
    for number, machine in enumerate(shown):
        chip = "" if machine.space is None else machine.space.system.chip.id
        mine = [point for point in answer.measured if point.chip == chip]
        if mine:
            colour, marker, _ = _LOOKS[number]
            axis.plot(
                [point.tokens_per_s_per_user for point in mine], [point.output_tokens_per_s_per_gpu for point in mine],
                marker, ms=5, ls="none", color=COLOURS[colour], mec="white", mew=0.5,
                label=f"{chip if len(shown) > 1 else 'runs'}, measured",
            )  # fmt: skip


def _log_ticks(axis: Any) -> None:
    """1, 2, 5, 10 ... where an axis spans few decades, powers of ten else."""
    from matplotlib.ticker import LogLocator, NullFormatter

    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high < 300 * low else (1.0,)))
    axis.set_minor_formatter(NullFormatter())


def _name(machine: MachinePlan, several: bool) -> str:
    inside = "" if machine.winner is not None else ", outside the limits"
    return f"{machine.system if several else 'frontier'}, modelled{inside}"


def _faint(axis: Any, answer: PlanResponse, machine: MachinePlan, low: float) -> None:
    """Points that the frontier beats."""
    import numpy as np

    points, space = machine.points, machine.space
    assert points is not None and space is not None
    usable = (points.rate > 0) & (1.0 / points.tpot_s >= low)
    limit = answer.slo.ttft_s
    if limit is not None and (usable & (points.ttft_s <= limit)).any():
        usable = usable & (points.ttft_s <= limit)
    some = np.flatnonzero(usable)
    some = some[:: max(1, some.size // 1500)]
    gpus = points.gpus[some]
    share = (
        1.0 / gpus
        if answer.demand.given
        else units_in(space, gpus, front_gpus(space, points.take(some))) / sum(one.n_chips for one in space.machines)
    )
    axis.plot(
        1.0 / points.tpot_s[some], points.rate[some] * space.osl * share, ".", ms=1.8, rasterized=True,
        color=COLOURS["muted"], alpha=0.4, label="other deployments",
    )  # fmt: skip


def _cost(axis: Any, answer: PlanResponse, winner: Candidate, curve: Curve) -> None:
    priced = curve.usd_per_mtok_all and curve.usd_per_mtok_all[0] is not None
    y = curve.usd_per_mtok_all if priced else [1e6 / t for t in curve.output_tokens_per_s_per_gpu]
    axis.plot(curve.concurrency, y, color=COLOURS["total"], lw=2.0, marker="o", mfc="white", ms=5)
    mark = winner.usd_per_mtok_all if priced else 1e6 / winner.output_tokens_per_s_per_gpu
    axis.plot([winner.unit_concurrency], [mark], marker="*", ms=15, mfc="white", mec=COLOURS["limit"], ls="none")
    axis.set(xscale="log", yscale="log", xlabel="requests at once in one unit")
    axis.set_ylabel("USD per M output tokens, prompts included" if priced else "GPU-seconds per M output tokens")
    axis.set_title(f"Cost falls with the batch: {_short(winner.label)}")
    slo = answer.slo
    low, high = axis.get_xlim()
    walls: list[tuple[float, str]] = []
    for limit, values, name in ((slo.ttft_s, curve.ttft_s, "TTFT"), (slo.tpot_s, curve.tpot_s, "TPOT")):
        over = [] if limit is None else [c for c, v in zip(curve.concurrency, values, strict=True) if v > limit * 1.001]
        inside = [c for c in curve.concurrency if not over or c < min(over)]
        if over and inside:
            walls.append(((min(over) * max(inside)) ** 0.5, f"{name} limit"))
    walls.sort()
    if len(walls) == 2 and walls[1][0] < 1.5 * walls[0][0]:
        walls = [(walls[0][0], f"{walls[0][1]}, then {walls[1][1]}")]
    for wall, text in walls:
        axis.axvline(wall, color=COLOURS["limit"], lw=1.2, ls="--")
        axis.axvspan(wall, high, color=COLOURS["limit"], alpha=0.06, lw=0)
        note_beside(axis, wall, text, "limit", rotation=90, top=True)
    axis.set_xlim(low, high)


def _memory(axis: Any, winner: Candidate) -> None:
    names = [bar.role for bar in winner.memory]
    left = [0.0] * len(names)
    for field, label, colour, hatch in _PARTS:
        sizes = [getattr(bar, field) / 1e9 for bar in winner.memory]
        alpha = 0.35 if field == "free_kv_bytes" else 0.85
        axis.barh(names, sizes, left=left, color=COLOURS[colour], alpha=alpha, hatch=hatch, ec="white", label=label,
                  height=0.5)  # fmt: skip
        left = [a + b for a, b in zip(left, sizes, strict=True)]
    total = max(bar.total_bytes for bar in winner.memory) / 1e9
    axis.axvline(total, color=COLOURS["limit"], lw=1.4)
    axis.annotate(f"{total:,.0f} GB", (total, 0.98), xycoords=("data", "axes fraction"), xytext=(-4, 0), va="top",
                  textcoords="offset points", ha="right", fontsize=8.5, color=COLOURS["limit"])  # fmt: skip
    axis.set_xlim(0, total * 1.04)
    axis.set_ylim(-0.6, len(names) - 0.4 + 0.3)
    axis.set(title="Memory of one GPU", xlabel="GB")
    axis.grid(axis="y", visible=False)
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=5, columnspacing=1.0, handlelength=1.2)


def _others(axis: Any, answer: PlanResponse) -> None:
    """Winner and runner-ups, or one winner per machine; those that are scored by something else are left out."""
    machine = answer.machines[0]
    if len(answer.machines) > 1:
        alike = [one for one in answer.machines if one.scored_by == machine.scored_by]
        rows = [(one.system, one.winner) for one in alike if one.winner is not None]
        title = "Machines, each at its best"
    else:
        found = [one for one in (machine.winner, *machine.runner_ups) if one is not None]
        rows = [(f"{_short(one.label)}\n{formats_and_drafts(one)}", one) for one in found]
        title = "Winner and runner-ups"
    rows.reverse()
    scores = [one.score for _, one in rows]
    bars = axis.barh(range(len(rows)), scores, color=COLOURS["third"], ec="white", height=0.6)
    if rows:
        bars[-1].set_color(COLOURS["compute"])
    best = min(scores, default=1.0)
    for place, score in enumerate(scores):
        text = f"{score:,.3g}" if score == best else f"{score:,.3g}  ({score / best - 1:+.0%})"
        axis.annotate(text, (score, place), xytext=(4, 0), textcoords="offset points", va="center", fontsize=8.5)
    axis.set_yticks(range(len(rows)), [name for name, _ in rows], fontsize=8.5)
    axis.set_xlim(0, max(scores, default=1.0) * 1.3)
    units = {"cost": "USD per M output tokens, prompts included", "throughput": "GPU-seconds per output token",
             "latency": "seconds per request", "energy": "J per output token"}  # fmt: skip
    axis.set(title=f"{title}: less is better", xlabel=units[machine.scored_by])
    axis.grid(axis="y", visible=False)


def draw_plan(answer: PlanResponse, path: Path) -> None:
    """Write the four panels; without a winner the frontier alone."""
    check_ending(path)
    winner = answer.winner
    machine = answer.machines[0]
    if winner is None or machine.curve is None:
        figure, axes = new_figure(1, 1, width=8.5, height=6.0)
        _pareto(axes[0, 0], answer)
    else:
        figure, axes = new_figure(2, 2, width=13.0, height=9.6)
        _pareto(axes[0, 0], answer)
        _cost(axes[0, 1], answer, winner, machine.curve)
        shown = dollars if winner.usd_per_mtok_all is not None else thousands
        axes[0, 1].yaxis.set_major_formatter(shown)
        _memory(axes[1, 0], winner)
        _others(axes[1, 1], answer)
    for axis in axes.flat[:2]:
        axis.xaxis.set_major_formatter(thousands)
        _log_ticks(axis.xaxis)
        _log_ticks(axis.yaxis)
    axes[0, 0].yaxis.set_major_formatter(thousands)
    load, names = answer.workload, ", ".join(one.system for one in answer.machines)
    title = f"{answer.model_name} on {names}"
    figure.suptitle(
        f"{title}   ·   {load.isl:,.0f} in, {load.osl:,.0f} out, engine {answer.engine}, efficiency {machine.profile}",
        x=0.01, ha="left", fontsize=12,
    )  # fmt: skip
    save_figure(figure, path, title=title)
