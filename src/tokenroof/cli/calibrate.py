"""`tokenroof calibrate`: a profile of one's own."""

import time
from pathlib import Path
from typing import Any

import click

from tokenroof.cli.measured_options import results_argument, told_options
from tokenroof.cli.options import request_from
from tokenroof.cli.outputs import check_outputs, write_outputs
from tokenroof.cli.render import echo_json, echo_page

__all__ = ["command"]


@click.command("calibrate")
@results_argument
@told_options
@click.option("--save", metavar="NAME", help="Save as NAME, for --efficiency NAME; or to a FILE.toml.")
@click.option("--full", is_flag=True, help="Every result before and after.")
@click.option(
    "-o", "--output", "outputs", multiple=True, type=click.Path(path_type=Path, dir_okay=False),
    help="Write to FILE.csv, .json, .parquet, .md, .txt or .html. Repeatable.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print as JSON; what has no limit is null.")
def command(results: tuple[Path, ...], full: bool, outputs: tuple[Path, ...], as_json: bool, **options: Any) -> None:
    """The tool calibrated to one's own machine: a few factors on the shipped profile, fitted to RESULTs.

    Results of one engine on one kind of chip. Error is told on results that the fit had not seen; what the results
    cannot move stays as shipped, and is listed. Every verb takes what was saved as --efficiency NAME.

    \b
    tokenroof calibrate examples/results/sweep.csv
    tokenroof calibrate examples/results/sweep.csv --save mine.toml
    """
    from tokenroof.present.pages.calibrate import page_of
    from tokenroof.usecases.calibrate.run import CalibrateRequest, calibrate
    from tokenroof.usecases.calibrate.table import rows_of

    check_outputs(None, outputs, pages=True, charts=False)
    given = {**options, "results": [str(one) for one in results], "as_of": time.strftime("%Y-%m-%d")}
    answer = calibrate(request_from(given, CalibrateRequest))
    page = page_of(answer)
    write_outputs(answer, outputs, None, rows_of(answer), page)
    echo_json(answer) if as_json else echo_page(page, full)
