"""`tokenroof compare`: one's own runs beside predictions, and where the time goes."""

from functools import partial
from pathlib import Path
from typing import Any

import click

from tokenroof.cli.measured_options import results_argument, told_options, url_option
from tokenroof.cli.options import output_options, request_from, some_options
from tokenroof.cli.outputs import check_outputs, write_outputs
from tokenroof.cli.render import echo_json, echo_page

__all__ = ["command"]


@click.command("compare")
@results_argument
@told_options
@some_options("profile")
@url_option
@click.option("--changes/--no-changes", default=True, help="Look for what would help most. [default: yes]")
@click.option("--full", is_flag=True, help="Every run, the TTFT of the worst piece by piece, the curve.")
@output_options
def command(results: tuple[Path, ...], full: bool, outputs: tuple[Path, ...], as_json: bool, **options: Any) -> None:
    """Is my server as fast as it should be? Predicted beside measured, and where the gap to the roof goes.

    RESULT is what a benchmark tool wrote, or a table of runs. What no file says (machine, layout, formats) is given
    in options or by the launch command; nothing is guessed.

    \b
    tokenroof compare bench.json --system 4xh100 --tp 4
    tokenroof compare sweep/*.json --system 8xh200 --server-cmd "vllm serve ... --tensor-parallel-size 8"
    tokenroof compare runs.csv -o roofline.svg
    """
    from tokenroof.present.charts.compare import draw
    from tokenroof.present.pages.compare import page_of
    from tokenroof.usecases.compare.run import CompareRequest, compare
    from tokenroof.usecases.compare.table import rows_of

    check_outputs(None, outputs, pages=True)
    answer = compare(request_from({**options, "results": [str(one) for one in results]}, CompareRequest))
    page = page_of(answer)
    write_outputs(answer, outputs, partial(draw, answer), rows_of(answer), page)
    echo_json(answer) if as_json else echo_page(page, full)
