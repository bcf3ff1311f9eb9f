"""The picture of `chips`: the lecture's "about 300" and "20 ms" against the parts that were sold since."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenroof.errors import InputError
from tokenroof.present.charts.style import COLOURS, check_ending, new_figure, save_figure
from tokenroof.units import format_si
from tokenroof.usecases.listing.machines import ChipRow

__all__ = ["charted", "draw", "figure_of"]

_CLAIM = COLOURS["weights"]
# vendor -> mark and colour, told apart by shape as well
_MARKS = {"NVIDIA": ("o", "kv"), "AMD": ("s", "limit"), "Google": ("^", "compute"), "others": ("D", "second")}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Panel:
    title: str
    unit: str
    claim: float
    claim_text: str
    limits: tuple[float, float]
    ticks: tuple[float, ...]


RHO = _Panel(
    title="ridge: tokens in a step at which matmuls outlast weight reads",
    unit="tokens, 16-bit numbers; a bar reaches to the narrowest format where that is more",
    claim=300.0,
    claim_text='lecture: "about 300"',
    limits=(25.0, 900.0),
    ticks=(30, 50, 100, 200, 300, 500, 800),
)
DRAIN = _Panel(
    title="Drain time: one read of all memory",
    unit="ms, label capacity over peak bandwidth",
    claim=20.0,
    claim_text='lecture: "20 ms"',
    limits=(10.0, 60.0),
    ticks=(10, 15, 20, 30, 40, 50),
)


def charted(rows: Sequence[ChipRow]) -> list[ChipRow]:
    """The chips the picture shows, by vendor and year: those whose memory is stacked beside them."""
    shown = [row for row in rows if row.memory_type.startswith("HBM")]
    order = list(_MARKS)
    return sorted(shown, key=lambda row: (order.index(_vendor(row)), row.year, row.bytes_per_s, row.id))


def _vendor(row: ChipRow) -> str:
    return row.vendor if row.vendor in _MARKS else "others"


def _places(rows: Sequence[ChipRow]) -> tuple[list[int], list[tuple[int, str]]]:
    """The line of each chip, and the lines of the vendors' names above their group."""
    places: list[int] = []
    heads: list[tuple[int, str]] = []
    line = 0
    for row in rows:
        if not heads or heads[-1][1] != _vendor(row):
            heads.append((line, _vendor(row)))
            line += 1
        places.append(line)
        line += 1
    return places, heads


def _claim(axis: Any, panel: _Panel, values: Sequence[float]) -> None:
    near = sum(panel.claim / 1.2 <= value <= panel.claim * 1.2 for value in values)
    axis.axvspan(panel.claim / 1.2, panel.claim * 1.2, color=_CLAIM, alpha=0.15, lw=0)
    axis.axvline(panel.claim, color=_CLAIM, lw=1.5)
    axis.annotate(
        f"{panel.claim_text}: {near} of {len(values)} parts within 20 %",
        (panel.claim, 1.0),
        xycoords=("data", "axes fraction"),
        xytext=(0, 3),
        textcoords="offset points",
        ha="center",
        va="bottom",
        fontsize=9,
        color="#8a5a00",
    )
    axis.set_xscale("log")
    axis.set_xlim(*panel.limits)
    axis.set_xticks(panel.ticks, [f"{tick:g}" for tick in panel.ticks])
    axis.minorticks_off()
    axis.grid(axis="y", visible=False)
    axis.set_title(panel.title, pad=20)
    axis.set_xlabel(panel.unit)


def _mark(axis: Any, row: ChipRow, place: int, value: float, text: str, reach: float) -> None:
    shape, colour = _MARKS[_vendor(row)]
    colour = COLOURS[colour]
    if reach > value:
        axis.plot([value, reach], [place, place], color=colour, lw=2.2, alpha=0.55, solid_capstyle="butt")
    axis.plot([value], [place], shape, ms=6, mfc="white" if row.announced else colour, mec=colour, mew=1.4)
    axis.annotate(
        text,
        (max(value, reach), place),
        xytext=(7, 0),
        textcoords="offset points",
        va="center",
        fontsize=8.5,
        color=COLOURS["total"],
        bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.6},
    )


def _rho_panel(axis: Any, rows: Sequence[ChipRow], places: Sequence[int]) -> None:
    for row, place in zip(rows, places, strict=True):
        narrow: dict[str, float] = {key: row.ridge_by_rate[key] for key in ("fp4", "fp8") if key in row.ridge_by_rate}
        if row.ridge is None:
            for key, rho in narrow.items():
                _mark(axis, row, place, rho, f"{rho:,.0f} at {key}", rho)
            continue
        best = max(narrow, key=lambda key: narrow[key], default="")
        more = best and narrow[best] > 1.1 * row.ridge
        text = f"{row.ridge:,.0f}" + (f", {best} {narrow[best]:,.0f}" if more else "")
        _mark(axis, row, place, row.ridge, text, narrow[best] if more else row.ridge)


def _drain_panel(axis: Any, rows: Sequence[ChipRow], places: Sequence[int]) -> None:
    for row, place in zip(rows, places, strict=True):
        drain_ms = row.drain_s * 1e3
        _mark(axis, row, place, drain_ms, f"{drain_ms:.3g}", drain_ms)


def _label(row: ChipRow) -> str:
    return f"{row.name.split(',')[0].removeprefix('Instinct ')}  '{row.year % 100:02d}"


def figure_of(rows: Sequence[ChipRow]) -> Any:
    """Two panels over one list of chips: rho and drain time, with the lecture's figures as lines."""
    shown = charted(rows)
    if not shown:
        raise InputError("chips", "none of these", "at least one part with HBM", "widen the filter")
    places, heads = _places(shown)
    lines = places[-1] + 1
    figure, axes = new_figure(1, 2, width=12.5, height=1.9 + 0.235 * lines)
    rho, drain = axes[0]
    _claim(rho, RHO, [row.ridge for row in shown if row.ridge is not None])
    _claim(drain, DRAIN, [row.drain_s * 1e3 for row in shown])
    for axis in (rho, drain):
        axis.set_ylim(lines - 0.4, -0.6)
    _rho_panel(rho, shown, places)
    _drain_panel(drain, shown, places)
    ticks = sorted([*zip(places, map(_label, shown), strict=True), *heads])
    rho.set_yticks([place for place, _ in ticks], [text for _, text in ticks], fontsize=8.5)
    for text, (place, _) in zip(rho.get_yticklabels(), ticks, strict=True):
        text.set_fontweight("bold" if place in dict(heads) else "normal")
    drain.set_yticks(places, [""] * len(places))
    for axis in (rho, drain):
        axis.tick_params(axis="y", length=0)
    figure.supxlabel(_caption(rows), fontsize=8.5, color="#555555", x=0.01, ha="left")
    return figure


def _caption(rows: Sequence[ChipRow]) -> str:
    parts = []
    for kind in ("GDDR", "LPDDR", "SRAM"):
        drains = [row.drain_s for row in rows if row.memory_type.startswith(kind)]
        if drains:
            parts.append(f"{kind} {format_si(min(drains), 's')} to {format_si(max(drains), 's')}")
    words = ["Hollow: announced."] if any(row.announced for row in rows) else []
    words += [f"Not shown, by drain time: {'; '.join(parts)}."] if parts else []
    return " ".join(words)


def draw(rows: Sequence[ChipRow], path: Path) -> Path:
    """Write the picture to an svg, png or html file."""
    check_ending(path)
    title = "ridge and drain time across generations"
    words = "\n".join(
        f"{row.name:<32} {row.year}  ridge {'-' if row.ridge is None else format(row.ridge, '5,.0f')}"
        f"  drain {row.drain_s * 1e3:6.1f} ms"
        for row in charted(rows)
    )
    save_figure(figure_of(rows), path, title=title, words=words)
    return path
