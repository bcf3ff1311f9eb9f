"""Pictures of a deduction: the joint posterior in pairs, and what each piece of evidence did."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tokenroof.infer.posterior import ARCHITECTURE, UNREAD, Neighbour
from tokenroof.present.charts.style import COLOURS, check_ending, new_figure, save_figure
from tokenroof.present.numbers import percent
from tokenroof.usecases.deduce.nearest import near
from tokenroof.usecases.deduce.run import DeduceResponse, sheet_date
from tokenroof.usecases.deduce.sentence import EVIDENCE

__all__ = ["draw_corner", "draw_evidence"]

# unknown -> label, the factor that turns SI into what axes show, and its unit
_AXES = {
    "total_params": ("total parameters (B)", 1e-9, "B"),
    "active_params": ("active parameters (B)", 1e-9, "B"),
    "kv_bytes_per_token": ("KV cache (KB per token)", 1e-3, "KB"),
    "batch_over_balance": ("batch over critical", 1.0, "times"),
    "markup": ("mark-up over hosts", 1.0, "times"),
}
_LABELS = {
    "total_params": "total parameters",
    "active_params": "active parameters",
    "sparsity": "sparsity (total / active)",
    "kv_bytes_per_token": "KV bytes per token",
    "usd_per_chip_h": "USD per chip-hour",
    "batch": "sequences per weight read",
    "batch_over_balance": "batch over critical",
    "markup": "mark-up over hosts",
    "hit_share": "cache-hit share",
    "duty_cycle": "duty cycle",
    "prefill_mfu": "prefill MFU",
    "decode_mbu": "decode MBU",
    "context_in_use": "context in use",
}
_MARKERS = ("o", "s", "^", "D")  # shapes, not numbers: models lie so close that numbers would cover each other
_GRID = 60


def _logs(draws: Any, name: str) -> Any:
    import numpy as np

    return np.log10(draws[name] * _AXES[name][1])


def _limits(values: Any) -> tuple[float, float]:
    import numpy as np

    low, high = np.quantile(values, (0.005, 0.995))
    return float(low), float(high)


def _smooth(grid: Any) -> Any:
    """Two passes of a small kernel: enough to make a contour of counted draws readable."""
    import numpy as np

    kernel = np.array([1.0, 4.0, 6.0, 4.0, 1.0]) / 16.0
    for axis in (0, 1):
        for _ in range(3):
            grid = np.apply_along_axis(lambda row: np.convolve(row, kernel, mode="same"), axis, grid)
    return grid


def _mass_levels(grid: Any, shares: Sequence[float]) -> list[float]:
    """Heights above which these shares of the mass lie, rising."""
    import numpy as np

    ordered = np.sort(grid.ravel())[::-1]
    summed = np.cumsum(ordered) / ordered.sum()
    return sorted({float(ordered[int(np.searchsorted(summed, share))]) for share in shares})


def _log_ticks(axis: Any, which: str, low: float, high: float) -> None:
    """Ticks at 1, 2, 5 of each decade, as plain numbers; fewer where they would crowd."""
    wide = high - low
    steps = (1, 1.5, 2, 3, 5, 7) if wide < 0.8 else (1, 2, 5) if wide < 1.6 else (1, 3) if wide < 3.0 else (1,)
    places, names = [], []
    for decade in range(math.floor(low), math.ceil(high) + 1):
        for step in steps:
            place = decade + math.log10(step)
            if low <= place <= high:
                places.append(place)
                value = step * 10.0**decade
                names.append(f"{value:,.0f}" if value >= 1 else f"{value:g}")
    setter = axis.set_xticks if which == "x" else axis.set_yticks
    setter(places, names)
    axis.tick_params(which="minor", length=0)


def _plain(value: float) -> str:
    """Two or three digits, never in powers of ten."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _marginal(axis: Any, name: str, response: DeduceResponse, limits: tuple[float, float]) -> None:
    import numpy as np

    edges = np.linspace(*limits, 36)
    for draws, colour, alpha in (
        (response.posterior.prior_draws, COLOURS["muted"], 0.35),
        (response.posterior.draws, COLOURS["compute"], 0.55),
    ):
        axis.hist(_logs(draws, name), bins=edges, density=True, color=colour, alpha=alpha, histtype="stepfilled")
    found = response.estimate(name)
    scale = _AXES[name][1]
    axis.axvline(math.log10(found.median * scale), color=COLOURS["total"], lw=1)
    for value in (found.low80, found.high80):
        axis.axvline(math.log10(value * scale), color=COLOURS["total"], lw=0.8, ls=":")
    axis.set_yticks([])
    axis.grid(visible=False)
    low, median, high = (value * scale for value in (found.low80, found.median, found.high80))
    axis.set_title(f"{_plain(median)} {_AXES[name][2]}  ({_plain(low)} to {_plain(high)})", fontsize=9)


def _marked(response: DeduceResponse) -> list[tuple[Neighbour, str]]:
    """The models that have a marker of their own: those in the joint 80 % region that lie nearest."""
    return list(zip(near(response.neighbours, len(_MARKERS)), _MARKERS, strict=False))


def _pair(axis: Any, x: str, y: str, response: DeduceResponse, limits: dict[str, tuple[float, float]]) -> None:
    import numpy as np

    def counted(draws: Any) -> tuple[Any, Any, Any]:
        found = np.histogram2d(_logs(draws, x), _logs(draws, y), bins=_GRID, range=[limits[x], limits[y]])
        return _smooth(found[0]).T, found[1], found[2]

    grid, x_edges, y_edges = counted(response.posterior.draws)
    before, *_ = counted(response.posterior.prior_draws)
    levels = _mass_levels(grid, (0.5, 0.8))
    centres_x, centres_y = (x_edges[1:] + x_edges[:-1]) / 2, (y_edges[1:] + y_edges[:-1]) / 2
    axis.contour(
        centres_x, centres_y, before, levels=_mass_levels(before, (0.8,)), colors=[COLOURS["muted"]], linewidths=1.0
    )
    axis.contourf(
        centres_x, centres_y, grid, levels=[*levels, grid.max() * 1.01], colors=[COLOURS["third"], COLOURS["compute"]],
        alpha=0.55,
    )  # fmt: skip
    if {x, y} <= set(ARCHITECTURE):
        limit_x, limit_y = limits[x], limits[y]
        marked = {one.model: marker for one, marker in _marked(response)}
        for known in reversed(response.neighbours):
            px = math.log10(getattr(known.truth, x) * _AXES[x][1])
            py = math.log10(getattr(known.truth, y) * _AXES[y][1])
            if not (limit_x[0] <= px <= limit_x[1] and limit_y[0] <= py <= limit_y[1]):
                continue
            if known.model in marked:
                axis.plot(px, py, marked[known.model], ms=6, color=COLOURS["limit"], mec="white", mew=0.8)
            else:
                axis.plot(px, py, ".", ms=3, color=COLOURS["total"], alpha=0.5)


def draw_corner(response: DeduceResponse, path: Path, above: str = "") -> None:
    """The posterior in pairs: 50 % and 80 % regions, prior in grey, nearest models marked; HTML begins with `above`."""
    check_ending(path)
    names = list(_AXES)
    figure, axes = new_figure(len(names), len(names), width=11, height=10.5)
    prior = response.posterior.prior_draws
    limits = {}
    for name in names:
        after, before = _limits(_logs(response.posterior.draws, name)), _limits(_logs(prior, name))
        # the prior may be far wider: show it, but let the posterior fill at least a third of the axis
        room = (after[1] - after[0]) * 1.0
        limits[name] = (
            min(after[0], max(before[0], after[0] - room)), max(after[1], min(before[1], after[1] + room)),
        )  # fmt: skip
    for row, y in enumerate(names):
        for column, x in enumerate(names):
            axis = axes[row][column]
            if column > row:
                axis.axis("off")
                continue
            if column == row:
                _marginal(axis, x, response, limits[x])
            else:
                _pair(axis, x, y, response, limits)
                axis.set_ylim(*limits[y])
                _log_ticks(axis, "y", *limits[y])
            axis.set_xlim(*limits[x])
            _log_ticks(axis, "x", *limits[x])
            axis.tick_params(labelsize=7.5, rotation=0)
            if row == len(names) - 1:
                axis.set_xlabel(_AXES[x][0], fontsize=9)
            else:
                axis.set_xticklabels([])
            if column == 0 and row > 0:
                axis.set_ylabel(_AXES[y][0], fontsize=9)
            elif column != row:
                axis.set_yticklabels([])
    figure.align_ylabels([axes[row][0] for row in range(1, len(names))])
    words = [
        f"{response.offer.id}, {sheet_date(response.offer)}",
        "blue: posterior, 50 % and 80 % regions; grey: prior, 80 %",
        "title of a panel: median (80 %)",
    ]
    figure.text(0.58, 0.97, "\n".join(words), va="top", fontsize=9.5)
    for found, marker in _marked(response):
        axes[0][0].plot([], [], marker, ms=6, color=COLOURS["limit"], mec="white", label=found.model)
    axes[0][0].plot([], [], ".", ms=4, color=COLOURS["total"], alpha=0.5, label="other open models")
    figure.legend(
        loc="upper left", bbox_to_anchor=(0.57, 0.915), frameon=False, fontsize=9.5, title="nearest open models",
        alignment="left",
    )  # fmt: skip
    save_figure(figure, path, title=f"What the prices of {response.offer.id} say", above=above)


def _intervals(axis: Any, response: DeduceResponse) -> None:
    """Posterior and prior of each unknown, on a scale where the prior's 80 % is 1 wide."""
    found = [e for e in response.estimates if e.name in _LABELS]
    ends = [-0.35, 1.35]
    for place, e in enumerate(reversed(found)):
        low, width = math.log(e.prior_low80), math.log(e.prior_high80 / e.prior_low80)

        def at(value: float, low: float = low, width: float = width) -> float:
            return (math.log(value) - low) / width

        ends = [min(ends[0], at(e.low80) - 0.05), max(ends[1], at(e.high80) + 0.05)]
        axis.plot([0, 1], [place, place], color=COLOURS["muted"], lw=9, alpha=0.35, solid_capstyle="butt")
        axis.plot([at(e.low80), at(e.high80)], [place, place], color=COLOURS["third"], lw=9, solid_capstyle="butt")
        axis.plot([at(e.low50), at(e.high50)], [place, place], color=COLOURS["compute"], lw=9, solid_capstyle="butt")
        axis.plot(at(e.median), place, "|", color="white", ms=9, mew=1.5)
        says = "says nothing" if e.silent else f"{percent(e.width_left)} of the width left"
        if e.name in UNREAD:
            says = "no channel reads it"
        axis.annotate(says, (1.02, place), xycoords=("axes fraction", "data"), va="center", fontsize=8.5)
    axis.set_yticks(range(len(found)), [_LABELS[e.name] for e in reversed(found)])
    axis.set_xlim(*ends)
    axis.set_xticks([0, 0.5, 1], ["prior 10 %", "", "prior 90 %"])
    axis.set_title("What the evidence narrows (blue 50 and 80 %, grey prior's 80 %)")


def _factors(low: float, high: float) -> list[float]:
    """Round factors between two powers of two, few enough to be read side by side."""
    close = (1, 1.5, 2, 3, 5, 7) if high - low < 5.0 else (1, 2, 5) if high - low < 9.0 else (1,)
    decades = range(math.floor(low * math.log10(2.0)) - 1, math.ceil(high * math.log10(2.0)) + 1)
    found = (step * 10.0**decade for decade in decades for step in close)
    return [factor for factor in found if low <= math.log2(factor) <= high]


def _said(channel: str) -> str:
    """A channel as the page calls it."""
    return EVIDENCE.get(channel, channel).removeprefix("the ")


def _influence(axis: Any, response: DeduceResponse) -> None:
    """How the medians move when one channel is left out."""
    names = ("total_params", "active_params", "kv_bytes_per_token", "markup")
    colours = (COLOURS["compute"], COLOURS["weights"], COLOURS["kv"], COLOURS["second"])
    moved = list(response.moved)
    assumed = {one.channel for one in response.calibrations if one.n == 0}
    height = 0.8 / len(names)
    for number, (name, colour) in enumerate(zip(names, colours, strict=True)):
        for place, m in enumerate(reversed(moved)):
            shift = math.log2(m.median_factor[name])
            bar = axis.barh(place + 0.3 - number * height, shift, height=height, color=colour, label=None)
            if m.channel in assumed:
                bar[0].set(alpha=0.35, hatch="///")
    for name, colour in zip(names, colours, strict=True):
        axis.plot([], [], color=colour, lw=6, label=_LABELS[name])
    axis.axvline(0, color=COLOURS["total"], lw=0.8)
    axis.set_yticks(
        range(len(moved)),
        [f"{_said(m.channel)}{', assumed' if m.channel in assumed else ''}\n{m.shown}" for m in reversed(moved)],
        fontsize=8.5,
    )
    low, high = min(axis.get_xlim()[0], -0.6), max(axis.get_xlim()[1], 0.6)
    factors = _factors(low, high)
    axis.set_xlim(low, high)
    axis.set_ylim(-0.6, len(moved) - 0.4)
    axis.set_xticks([math.log2(f) for f in factors], [f"{f:g}x" for f in factors])
    axis.set_title("What each channel did to the medians (with it over without it)")
    axis.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _check(axis: Any, response: DeduceResponse) -> None:
    """Each reading against what the others predict."""
    rows = list(reversed(response.surprises))
    for place, s in enumerate(rows):
        axis.barh(place, s.z, height=0.5, color=COLOURS["limit" if s.unlikely else "muted"])
    for bound in (-2.5, 2.5):
        axis.axvline(bound, color=COLOURS["limit"], lw=0.9, ls="--")
    axis.axvline(0, color=COLOURS["total"], lw=0.8)
    far = max([4.0, *(abs(s.z) * 1.1 for s in rows)])
    axis.set_xlim(-far, far)
    axis.set_yticks(range(len(rows)), [_said(s.channel) for s in rows], fontsize=8.5)
    axis.set_title("Reading against prediction from the rest (standard deviations; dashed: unlikely)")


def draw_evidence(response: DeduceResponse, path: Path, above: str = "") -> None:
    """What the evidence narrowed, what each channel moved, whether they agree; HTML begins with `above`."""
    check_ending(path)
    n = max(len(response.moved), 1)
    figure, axes = new_figure(3, 1, width=10.5, height=5.2 + 1.25 * n)
    axes[0][0].get_gridspec().set_height_ratios([5, 0.9 * n, 0.4 * n + 0.3])
    _intervals(axes[0][0], response)
    if response.moved:
        _influence(axes[1][0], response)
        _check(axes[2][0], response)
    else:
        for axis in (axes[1][0], axes[2][0]):
            axis.axis("off")
        axes[1][0].text(0, 0.5, "no evidence used: the posterior is the prior")
    figure.suptitle(f"{response.offer.id}: what each piece of evidence says", x=0.01, ha="left")
    save_figure(figure, path, title=f"Evidence of {response.offer.id}", above=above)
