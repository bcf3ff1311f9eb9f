"""Charts of the KV cache: bytes kept against context, and bytes per token, model beside model."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tokenroof.catalog.models.index import load_model
from tokenroof.errors import InputError
from tokenroof.mixers.architecture_cache import kv_bytes_per_sequence, state_bytes_per_sequence
from tokenroof.present.charts.style import COLOURS, check_ending, new_figure, save_figure, thousands
from tokenroof.types.dtype import dtype

if TYPE_CHECKING:
    from tokenroof.usecases.listing.models import ModelRow

__all__ = ["draw_kv", "draw_kv_per_token"]

_CONTEXTS = tuple(2**power for power in range(8, 21))
_LINES = ("-", "--", "-.", ":")


def draw_kv(names: tuple[str, ...], kv_dtype: str | None, path: Path) -> None:
    """Draw the chart into `path`; recurrent state is counted, since it is kept too."""
    check_ending(path)
    models = [load_model(name) for name in names]
    colours = [COLOURS[key] for key in ("compute", "limit", "kv", "weights", "second", "third", "total")]
    figure, axes = new_figure(1, 1, width=7.5, height=4.6)
    axis = axes[0][0]
    for index, model in enumerate(models):
        limit = model.context_config or _CONTEXTS[-1]
        width = dtype(kv_dtype or model.kv_dtype).bytes_per_element
        contexts = [c for c in _CONTEXTS if c <= limit] or [limit]
        kept = [kv_bytes_per_sequence(model, c, width) + state_bytes_per_sequence(model) for c in contexts]
        style = _LINES[index // len(colours) % len(_LINES)]
        axis.plot(contexts, kept, style, color=colours[index % len(colours)], label=model.id)
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlabel("context, tokens")
    axis.set_ylabel("bytes kept by one sequence")
    title = f"What one sequence keeps: KV cache and recurrent state, {kv_dtype or 'own'} entries"
    axis.set_title(title)
    axis.xaxis.set_major_formatter(thousands)
    axis.legend()
    save_figure(figure, path, title=title)


def draw_kv_per_token(rows: "Sequence[ModelRow]", path: Path) -> None:
    """Dots of KV bytes per token, 16-bit entries: open while windows fill, filled once they are full."""
    check_ending(path)
    if not rows:
        raise InputError("models", 0, "at least one model to draw")
    ordered = sorted(rows, key=lambda row: row.kv_bytes_per_token)
    figure, axes = new_figure(1, 1, width=8.0, height=1.4 + 0.2 * len(ordered))
    axis = axes[0][0]
    names, places = [row.id for row in ordered], range(len(ordered))
    headline = [row.kv_bytes_per_token for row in ordered]
    slope = [row.kv_growth_bytes_per_token for row in ordered]
    # dots, not bars: a bar has no foot on a logarithmic axis
    axis.hlines(places, [max(low, 1.0) for low in slope], headline, color=COLOURS["muted"], linewidth=1)
    axis.plot(headline, places, "o", color="white", markeredgecolor=COLOURS["muted"], label="while windows fill")
    full = [(place, value) for place, value in zip(places, slope, strict=True) if value > 0]
    axis.plot([v for _, v in full], [p for p, _ in full], "o", color=COLOURS["kv"], label="once every window is full")
    axis.set_yticks(list(places), names)
    axis.set_xscale("log")
    axis.set_ylim(-0.7, len(ordered) - 0.3)
    shown = [value for value in (*headline, *slope) if value > 0]
    if shown:
        axis.set_xlim(min(shown) / 1.5, max(shown) * 1.5)
    axis.set_xlabel("KV bytes per token")
    title = "KV bytes per token, 16-bit entries"
    axis.set_title(title)
    axis.legend(loc="lower right")
    words = "\n".join(
        f"{row.id:<40}{row.kv_bytes_per_token:>14,.0f}{row.kv_growth_bytes_per_token:>14,.0f}" for row in ordered
    )
    save_figure(figure, path, title=title, words=words)
