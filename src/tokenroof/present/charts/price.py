"""The pictures of `price`: cost against speed, cost against prompt length, cost of a cached token against time."""

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

from tokenroof.present.charts.style import (
    COLOURS,
    check_ending,
    dollars,
    new_figure,
    note_beside,
    plain_logarithm,
    save_figure,
    thousands,
)
from tokenroof.usecases.money.cache import keep_usd_per_mtok
from tokenroof.usecases.money.price import PriceResponse

__all__ = ["draw"]

_LINES = ("compute", "kv", "weights", "third", "second", "limit")
_MARKS = ((300.0, "5 min"), (3600.0, "1 h"), (86400.0, "1 day"))


def _speed(axis: Any, answer: PriceResponse) -> None:
    points = [(p.tokens_per_s_per_user or 0.0, p.output_usd_per_mtok or 0.0) for p in answer.frontier]
    axis.plot(*zip(*points, strict=True), color=COLOURS["total"], lw=2.2, label="fewer requests at once")
    now, *fast = [tier for tier in answer.fast if tier.output_usd_per_mtok is not None]
    slow, usd = now.tokens_per_s_per_user or 0.0, now.output_usd_per_mtok or 0.0
    axis.plot([slow], [usd], "o", color=COLOURS["total"], ms=8, label="now")
    axis.plot(
        [tier.tokens_per_s_per_user for tier in fast], [tier.output_usd_per_mtok for tier in fast],
        "s", mfc="white", color=COLOURS["compute"], ms=6, label="fast tiers",
    )  # fmt: skip
    for tier in fast[1::2]:
        axis.annotate(
            f"{tier.speed_ratio:g}x speed, {tier.price_ratio:.3g}x price",
            (tier.tokens_per_s_per_user, tier.output_usd_per_mtok),
            xytext=(-7, 5), textcoords="offset points", fontsize=8, ha="right", color=COLOURS["compute"],
        )  # fmt: skip
    if answer.pair is not None:
        axis.plot(
            [slow * answer.pair.speed_ratio], [usd * answer.pair.price_ratio],
            "*", color=COLOURS["limit"], ms=12,
            label=f"pair: {answer.pair.price_ratio:g}x price, {answer.pair.speed_ratio:g}x speed",
        )  # fmt: skip
    axis.set(title="Speed costs batch", xlabel="tok/s/user", ylabel="USD per M output tokens")
    axis.set_yscale("log")
    axis.set_xscale("log")
    low, high = min(usd for _, usd in points) / 1.6, max(usd for _, usd in points)
    axis.set_ylim(low, high * (high / low) ** 0.55)  # room for the legend above the curve
    axis.legend(loc="upper left")


def _context(axis: Any, answer: PriceResponse) -> None:
    tiers = answer.context
    lengths = [p.isl for p in tiers.points]
    for name, colour, values, factor in (
        ("input", "compute", [p.input_x for p in tiers.points], tiers.step_input_x),
        ("output", "kv", [p.output_x for p in tiers.points], tiers.step_output_x),
    ):
        axis.plot(lengths, values, color=COLOURS[colour], lw=2.2, label=f"{name} token")
        if tiers.step_at is not None and factor is not None:
            low = _level(lengths, values, lengths[0], tiers.step_at)
            axis.step(
                [lengths[0], tiers.step_at, tiers.longest], [low, low * factor, low * factor], where="post",
                color=COLOURS[colour], lw=1.2, ls="--", label=f"two {name} prices, {factor:.2g}x",
            )  # fmt: skip
    if tiers.step_at is not None:
        axis.axvline(tiers.step_at, color=COLOURS["muted"], lw=1.0, ls=":")
        note_beside(axis, tiers.step_at, f"step at {tiers.step_at / 1e3:g}K", "muted", top=False)
    axis.set(
        title="Where long context bends cost", xlabel="input tokens", ylabel=f"cost over that at {lengths[0]:,.0f}"
    )
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.legend(loc="upper left")
    axis.xaxis.set_major_formatter(thousands)
    axis.yaxis.set_major_formatter(lambda value, _position=0: f"{value:g}x")


def _level(lengths: list[float], values: list[float], low: float, high: float) -> float:
    """Mean of a curve over a logarithmic span, by the points it is drawn with."""
    inside = [(x, y) for x, y in zip(lengths, values, strict=True) if low <= x <= high]
    if len(inside) < 2:
        return inside[0][1]
    area = sum((y0 + y1) / 2.0 * math.log(x1 / x0) for (x0, y0), (x1, y1) in pairwise(inside))
    return area / math.log(inside[-1][0] / inside[0][0])


def _cache(axis: Any, answer: PriceResponse) -> None:
    cache = answer.cache
    times = [10.0 ** (-1.0 + i * 7.5 / 199) for i in range(200)]
    shown = {rung.tier for rung in cache.ladder} | {cache.tiers[0].id, "host-dram", "nvme-large", "disk"}
    drawn = [tier for tier in cache.tiers if tier.id in shown and tier.read_usd_per_mtok is not None]
    for tier, colour in zip(drawn, _LINES, strict=False):
        axis.plot(times, [keep_usd_per_mtok(tier, t) for t in times], color=COLOURS[colour], lw=1.8, label=tier.id)
    axis.axhline(cache.uncached_usd_per_mtok, color=COLOURS["total"], lw=2.0, ls="--", label="recompute")
    for at, text in _MARKS:
        axis.axvline(at, color=COLOURS["muted"], lw=0.8, ls=":")
        note_beside(axis, at, text, "muted", rotation=90)
    axis.set(title="Keep, reload or recompute", xlabel="time until it is read again (s)",
             ylabel="USD per M cached tokens")  # fmt: skip
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlim(times[0], times[-1])
    low = min(keep_usd_per_mtok(tier, 1.0) for tier in drawn)
    high = max(cache.uncached_usd_per_mtok, *(tier.read_usd_per_mtok or 0.0 for tier in drawn))
    axis.set_ylim(low / 3.0, high * 60.0)
    axis.legend(loc="upper left", ncols=2, frameon=True, facecolor="white", edgecolor="none", framealpha=0.9)
    axis.xaxis.set_major_formatter(thousands)


def draw(answer: PriceResponse, path: Path) -> None:
    """Write the chart to svg, png or html. InputError for another ending or an unwritable place."""
    check_ending(path)
    figure, axes = new_figure(1, 3, width=16.2, height=4.8)
    _speed(axes[0, 0], answer)
    _context(axes[0, 1], answer)
    _cache(axes[0, 2], answer)
    for axis in (axes[0, 0], axes[0, 2]):
        axis.yaxis.set_major_formatter(dollars)
    plain_logarithm(axes[0, 0].xaxis, thousands)
    top, bottom = axes[0, 0].get_ylim()[1], axes[0, 0].get_ylim()[0]
    if top / bottom < 1e3:
        plain_logarithm(axes[0, 0].yaxis, dollars)
    here = answer.economics
    title = f"What tokens cost: {here.model_name} on {here.system_name}"
    figure.suptitle(
        f"{title}   ·   ${here.machine.usd_per_gpu_h:.2f} a GPU-hour, busy {here.duty_cycle:.0%}, {here.claim}",
        x=0.01, ha="left", fontsize=12,
    )  # fmt: skip
    save_figure(figure, path, title=title)
