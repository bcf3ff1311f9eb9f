"""`tokenroof runs`: what result files hold, as it is read."""

from pathlib import Path
from typing import Any

import click

from tokenroof.cli.measured_options import results_argument, told_options, url_option
from tokenroof.cli.options import output_options, request_from
from tokenroof.cli.outputs import check_outputs, write_outputs
from tokenroof.cli.render import echo_json, echo_page

__all__ = ["command"]


@click.command("runs")
@results_argument
@told_options
@url_option
@click.option("--full", is_flag=True, help="Every run.")
@output_options
def command(results: tuple[Path, ...], full: bool, outputs: tuple[Path, ...], as_json: bool, **options: Any) -> None:
    """What do these result files say? Runs of any benchmark tool as one table, recomputed and with what is doubtful.

    RESULT is what a benchmark tool wrote, metrics of a server, what an engine printed at its start, or a table. -o
    writes the table that compare, calibrate and validate read.

    \b
    tokenroof runs examples/results/bench.json --system h100 --tp 1
    tokenroof runs examples/results/bench.json --server-cmd "vllm serve a/b" --system h100 -o table.csv
    """
    from tokenroof.present.pages.runs import page_of
    from tokenroof.usecases.runs.run import RunsRequest, runs
    from tokenroof.usecases.runs.table import rows_of

    check_outputs(None, outputs, pages=True, charts=False)
    answer = runs(request_from({**options, "results": [str(one) for one in results]}, RunsRequest))
    page = page_of(answer)
    write_outputs(answer, outputs, None, rows_of(answer), page)
    echo_json(answer) if as_json else echo_page(page, full)
