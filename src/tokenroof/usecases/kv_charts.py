"""Charts of the KV cache: bytes kept by one sequence against its context, model beside model."""

from pathlib import Path

from tokenroof.catalog.models import load_model
from tokenroof.formulas.architecture_cache import kv_bytes_per_sequence, state_bytes_per_sequence
from tokenroof.types.dtype import dtype
from tokenroof.usecases.charts import COLOURS, check_ending, new_figure, save_figure, thousands

__all__ = ["draw_kv"]

_CONTEXTS = tuple(2**power for power in range(8, 21))
_LINES = ("-", "--", "-.", ":")


def draw_kv(names: tuple[str, ...], kv_dtype: str, path: Path) -> None:
    """Draw the chart into `path`; recurrent state is counted, since it is kept too."""
    check_ending(path)
    models = [load_model(name) for name in names]
    width = dtype(kv_dtype).bytes_per_element
    colours = [COLOURS[key] for key in ("compute", "limit", "kv", "weights", "second", "third", "total")]
    figure, axes = new_figure(1, 1, width=7.5, height=4.6)
    axis = axes[0][0]
    for index, model in enumerate(models):
        limit = model.context_config or _CONTEXTS[-1]
        contexts = [c for c in _CONTEXTS if c <= limit] or [limit]
        kept = [kv_bytes_per_sequence(model, c, width) + state_bytes_per_sequence(model) for c in contexts]
        style = _LINES[index // len(colours) % len(_LINES)]
        axis.plot(contexts, kept, style, color=colours[index % len(colours)], label=model.id)
    axis.set_xscale("log", base=2)
    axis.set_yscale("log")
    axis.set_xlabel("context, tokens")
    axis.set_ylabel("bytes kept by one sequence")
    title = f"What one sequence keeps: KV cache and recurrent state, {kv_dtype} entries"
    axis.set_title(title)
    axis.xaxis.set_major_formatter(thousands)
    axis.legend()
    save_figure(figure, path, title=title)
