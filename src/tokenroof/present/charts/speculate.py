"""The pictures of `speculate`: speed-up against batch for each depth, and against depth for some batches."""

from pathlib import Path
from typing import Any

from tokenroof.present.charts.style import COLOURS, check_ending, new_figure, note_beside, save_figure
from tokenroof.usecases.money.speculate import SpeculateResponse

__all__ = ["draw"]

_LINES = ("compute", "kv", "weights", "third", "second", "limit")


def _times(value: float, _position: int = 0) -> str:
    return f"{value:g}x"


def _over_batch(axis: Any, answer: SpeculateResponse) -> None:
    batches = [one.batch for one in answer.curve]
    shown = [i for i, depth in enumerate(answer.depths) if depth in (1, 2, 4, 8, 16, 32)] or [0]
    for i, colour in zip(shown, _LINES, strict=False):
        drafts = f"{answer.depths[i]} draft{'s' if answer.depths[i] > 1 else ''}"
        axis.plot(batches, [one.speedups[i] for one in answer.curve], color=COLOURS[colour], lw=1.5, label=drafts)
    axis.plot(
        batches,
        [max(one.speedups) for one in answer.curve],
        color=COLOURS["total"],
        lw=2.4,
        ls="--",
        label="best depth",
    )
    axis.axhline(1.0, color=COLOURS["limit"], lw=1.2)
    lowest = min(min(one.speedups) for one in answer.curve)
    axis.axhspan(min(lowest, 1.0) - 1.0, 1.0, color=COLOURS["limit"], alpha=0.06, lw=0)
    bound = answer.compute_bound_from
    if bound is not None and batches[0] < bound < batches[-1]:
        axis.axvline(bound, color=COLOURS["muted"], lw=1.0, ls=":")
        note_beside(
            axis,
            bound,
            f"{answer.typical_depth} draft{'s' if answer.typical_depth > 1 else ''}: compute-bound",
            "muted",
            rotation=90,
        )
    axis.set(
        title="Larger batches leave less arithmetic to spare", xlabel="batch (requests of one step)", ylabel="speed-up"
    )
    axis.set_xscale("log", base=2)
    axis.set_ylim(max(0.0, min(0.9, lowest * 0.95)), answer.best_speedup * 1.3)
    axis.xaxis.set_major_formatter(lambda value, _position=0: f"{value:,.0f}")
    axis.yaxis.set_major_formatter(_times)
    axis.legend(loc="upper right", ncols=2, frameon=True, facecolor="white", edgecolor="none", framealpha=0.9)


def _over_depth(axis: Any, answer: SpeculateResponse) -> None:
    step = max(1, -(-len(answer.rows) // len(_LINES)))
    for row, colour in zip(answer.rows[::step], _LINES, strict=False):
        axis.plot(
            [point.depth for point in row.points], [point.speedup for point in row.points], "-o",
            color=COLOURS[colour], lw=1.7, ms=4, label=f"batch {row.batch:,.0f}",
        )  # fmt: skip
    axis.plot(
        answer.depths, answer.lengths, "s--", color=COLOURS["muted"], lw=1.4, ms=4, label="tokens a verify step yields"
    )
    axis.axhline(1.0, color=COLOURS["limit"], lw=1.2)
    axis.set(title="Deeper drafts: more tokens, dearer steps", xlabel="drafts in a verify step", ylabel="speed-up")
    axis.set_ylim(bottom=0.0)
    axis.yaxis.set_major_formatter(_times)
    axis.set_xticks(list(answer.depths) if len(answer.depths) <= 16 else [])
    axis.legend(loc="upper left", ncols=2)
    axis.set_ylim(0.0, max(answer.lengths) * 1.35)


def draw(answer: SpeculateResponse, path: Path) -> None:
    """Write the chart to svg, png or html. InputError for another ending or an unwritable place."""
    check_ending(path)
    figure, axes = new_figure(1, 2, width=12.0, height=4.8)
    _over_batch(axes[0, 0], answer)
    _over_depth(axes[0, 1], answer)
    title = f"Speculative decoding: {answer.model_name} on {answer.system_name}"
    source = answer.acceptance_source.partition(":")[0]
    accepted = source if answer.acceptance is None else f"acceptance {answer.acceptance:g} ({source})"
    how = f"{answer.layout}, context {answer.context:,.0f}, {answer.drafter}, {accepted}, {answer.claim}"
    figure.suptitle(f"{title}\n{how}", x=0.01, ha="left", fontsize=11)
    save_figure(figure, path, title=title, words=answer.sentence)
