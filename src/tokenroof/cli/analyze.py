"""`tokenroof analyze`: one page on a model on a system."""

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tokenroof.cli.explaining import echo_explanation, explain_option
from tokenroof.cli.options import model_argument, output_options, scenario_from, scenario_options
from tokenroof.cli.outputs import check_outputs, write_outputs
from tokenroof.cli.render import echo_json, echo_page
from tokenroof.cli.unused import refuse_unused
from tokenroof.present.output import CHARTS

if TYPE_CHECKING:
    from tokenroof.usecases.analyze.answer import AnalyzeResponse

__all__ = ["command"]


def _draw(answer: "AnalyzeResponse", bounds: bool, path: Path) -> None:
    if bounds:
        from tokenroof.present.charts.closed_form import draw
    else:
        from tokenroof.present.charts.analyze import draw_operators as draw
    draw(answer, path)


@click.command("analyze")
@model_argument
@scenario_options("mode")
@click.option("--rule", metavar="RULE", help="Closed form that stands beside the answer: lecture, text, book.")
@click.option("--fast-speedup", metavar="X", help="Speed of the fast mode to price. [default: 2.5]")
@click.option("--full", is_flag=True, help="Every operator, the rack, speed and price, the closed form.")
@click.option("--bounds", is_flag=True, help="Draw the closed form in place of the operators.")
@explain_option("tpot_s, gpu_cache_bytes")
@output_options
def command(
    full: bool, bounds: bool, key: str | None, outputs: tuple[Path, ...], as_json: bool, **options: Any
) -> None:
    """Does MODEL fit on a system, how fast is it, what limits it, and what does a token cost?

    MODEL is a catalogue id, a Hugging Face id in the catalogue, or a path to a config.json.

    \b
    tokenroof analyze deepseek-v3 --system gb200-nvl72
    tokenroof analyze llama-3.3-70b --system 8xh100 --tp 8 --batch 64 --isl 8192 -o page.svg
    tokenroof analyze gpt-oss-120b --system h100 --explain tpot_s
    tokenroof analyze llama-3.3-70b --system 8xh100 --set chip.memory_bandwidth=1.5x
    """
    from tokenroof.present.pages.analyze import page_of
    from tokenroof.usecases.analyze.request import AnalyzeRequest
    from tokenroof.usecases.analyze.run import analyze

    check_outputs(None, outputs, pages=True)
    drawn = any(path.suffix.lower().removeprefix(".") in CHARTS for path in outputs)
    refuse_unused(drawn, "given with -o and a chart to draw: .svg, .png or .html", "bounds")
    answer = analyze(scenario_from(options, AnalyzeRequest))
    page = page_of(answer)
    write_outputs(answer, outputs, partial(_draw, answer, bounds), [row_of(answer)], page)
    if key is not None:
        echo_explanation("analyze", answer, key, as_json)
    elif as_json:
        echo_json(answer)
    else:
        echo_page(page, full)
    if answer.infeasible is not None:
        sys.exit(1)


def row_of(answer: "AnalyzeResponse") -> dict[str, Any]:
    """The answer as one row of a table."""
    from tokenroof.usecases.analyze.table import main_row

    return main_row(answer)
