"""The pictures of `microbench`: bandwidth against size, arithmetic against tokens, what repetitions spread."""

from pathlib import Path
from typing import Any

from tokenroof.measure.probes.sample import Sample
from tokenroof.present.charts.style import COLOURS, check_ending, new_figure, save_figure, thousands
from tokenroof.units import format_capacity
from tokenroof.usecases.microbench.answer import MicrobenchResponse

__all__ = ["draw"]

_ONE_THREAD = "one thread"
_LINES = (
    ("read", False, "read", "weights"), ("read", False, f"read, {_ONE_THREAD}", "muted"),
    ("read", True, "read, one buffer", "third"), ("copy", False, "copy", "kv"),
    ("all-reduce", False, "all-reduce", "second"),
)  # fmt: skip
_MARKS = ("compute", "limit", "second", "kv", "muted")


def _bandwidth(axis: Any, answer: MicrobenchResponse) -> None:
    for probe, cached, label, colour in _LINES:
        alone = label.endswith(_ONE_THREAD)
        found = [
            one
            for one in answer.samples
            if one.probe == probe and one.cached == cached and one.shape.endswith(_ONE_THREAD) == alone
        ]
        if found:
            rates = [one.bytes_per_s / 1e9 for one in found]
            axis.plot([one.moved_bytes for one in found], rates, marker="o", ms=4, color=COLOURS[colour], label=label)
    axis.axhline(answer.read.best / 1e9, color=COLOURS["total"], lw=1.2, ls="--", label="fastest read past the cache")
    axis.set(title="Bandwidth", xlabel="bytes moved", ylabel="GB/s")
    axis.set_xscale("log")
    axis.xaxis.set_major_formatter(lambda value, _: format_capacity(value))
    axis.set_ylim(bottom=0.0)
    axis.legend()


def _rows_of(one: Sample) -> int:
    return int(one.shape.split(" ")[0])


def _arithmetic(axis: Any, answer: MicrobenchResponse) -> None:
    formats = dict.fromkeys(one.format for one in answer.samples if one.probe == "matmul")
    for number, format in enumerate(formats):
        found = [one for one in answer.samples if one.probe == "matmul" and one.format == format]
        widest = max(found, key=lambda one: one.moved_bytes).shape.split(" x ", 1)[1]
        line = sorted((one for one in found if one.shape.split(" x ", 1)[1] == widest), key=_rows_of)
        rates = [one.flops_per_s / 1e9 for one in line]
        colour = COLOURS[_MARKS[number % len(_MARKS)]]
        axis.plot([_rows_of(one) for one in line], rates, marker="o", ms=4, color=colour, label=f"{format}, {widest}")
    axis.set(title="Matmul", xlabel="rows (tokens)", ylabel="GFLOP/s")
    axis.set_xscale("log", base=2)
    axis.set_yscale("log")
    axis.xaxis.set_major_formatter(thousands)
    axis.yaxis.set_major_formatter(thousands)
    axis.legend()


def draw(answer: MicrobenchResponse, path: Path) -> None:
    """Write the chart to svg, png or html. InputError for another ending or an unwritable place."""
    check_ending(path)
    figure, axes = new_figure(1, 2, width=12.0, height=4.4)
    _bandwidth(axes[0][0], answer)
    _arithmetic(axes[0][1], answer)
    save_figure(figure, path, title=f"Microbench {answer.name}", words=answer.sentence)
