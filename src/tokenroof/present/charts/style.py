"""Drawing for every verb: one look, written whole to svg, png or html. matplotlib loads here."""

import html
import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenroof.errors import InputError
from tokenroof.files import put

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "COLOURS",
    "ENDINGS",
    "check_ending",
    "dollars",
    "new_figure",
    "note_beside",
    "plain_logarithm",
    "save_figure",
    "thousands",
]

ENDINGS = (".svg", ".png", ".html")

# Okabe and Ito's set, told apart by every kind of colour vision.
COLOURS = {
    "compute": "#0072B2",
    "weights": "#E69F00",
    "kv": "#009E73",
    "total": "#222222",
    "limit": "#D55E00",
    "second": "#CC79A7",
    "third": "#56B4E9",
    "muted": "#888888",
}

_STYLE: dict[str, Any] = {
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "svg.fonttype": "none",
    "svg.hashsalt": "tokenroof",
}


def check_ending(path: Path) -> str:
    """The ending of a chart file, or InputError with the three that work."""
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise InputError("plot", str(path), f"a file ending in {', '.join(ENDINGS)}")
    if not path.resolve().parent.is_dir():
        raise InputError("plot", str(path), "in a directory that exists", f"make {path.resolve().parent} first")
    return ending


def new_figure(rows: int, columns: int, *, width: float, height: float) -> tuple["Figure", Any]:
    """A figure in the house style, drawn without a display."""
    import matplotlib
    from matplotlib.figure import Figure

    matplotlib.rcParams.update(_STYLE)  # type: ignore[arg-type]  # the stub lists every key by name
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    return figure, figure.subplots(rows, columns, squeeze=False)


def note_beside(axis: Any, x: float, text: str, colour: str, *, rotation: int = 0, top: bool = False) -> None:
    """A small label beside a vertical line at `x`, at the foot of the panel or at its top."""
    axis.annotate(
        text,
        (x, 0.98 if top else 0.02),
        xycoords=("data", "axes fraction"),
        xytext=(3 if top else -3, 0),
        textcoords="offset points",
        rotation=rotation,
        ha="left" if top else "right",
        va="top" if top else "bottom",
        fontsize=8.5,
        color=COLOURS[colour],
    )


def thousands(value: float, _position: int = 0) -> str:
    """Axis label in words of the field: 4K tokens, 1M tokens, plain below a thousand."""
    for scale, letter in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
        if abs(value) >= scale:
            return f"{value / scale:g}{letter}"
    return f"{value:g}"


def dollars(value: float, _position: int = 0) -> str:
    """Axis label of an amount: $0.03, $120."""
    return f"${value:,.0f}" if value >= 10 else f"${value:g}"


def plain_logarithm(axis: Any, words: Callable[..., str]) -> None:
    """Ticks of one logarithmic axis (figure.xaxis or yaxis) at 1, 2 and 5 of each decade, in the given words."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(words)
    axis.set_minor_formatter(NullFormatter())


def save_figure(figure: "Figure", path: Path, *, title: str, words: str = "", above: str = "") -> None:
    """Write the figure, whole or not at all. HTML holds the drawing itself and opens anywhere offline.

    There `above` is markup that comes before the drawing, and `words` is plain text below it.
    """
    ending = check_ending(path)
    buffer = io.BytesIO()
    if ending == ".png":
        figure.savefig(buffer, format="png", dpi=130, metadata={"Software": None})
        content = buffer.getvalue()
    else:
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Title": title})
        content = buffer.getvalue()
        if ending == ".html":
            drawing = content.decode("utf-8")
            drawing = drawing[drawing.index("<svg") :]
            below = f"<pre>{html.escape(words)}</pre>" if words else ""
            page = (
                f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
                "<style>body{font:16px system-ui,sans-serif;margin:2rem auto;padding:0 1rem;max-width:1100px}"
                "svg{width:100%;height:auto}pre{overflow:auto}</style>"
                f"<h1>{html.escape(title)}</h1>{above}{drawing}{below}</html>\n"
            )
            content = page.encode("utf-8")
    put(path, content)
