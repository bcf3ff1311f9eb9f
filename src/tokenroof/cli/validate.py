"""`tokenroof validate`: predictions beside measurements, scored."""

import csv
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tokenroof.cli.render import echo_json, heading, note, print_table, write_text

if TYPE_CHECKING:
    from tokenroof.usecases.validate import Scored, ValidateResponse

__all__ = ["command"]

_COLUMNS = ("file", "line", "row_id", "model", "hardware", "engine", "mode", "metric", "unit", "quality", "split")
_SHOWN = 12


def _print(answer: "ValidateResponse", all_rows: bool) -> None:
    rows = [
        (
            group.set.removesuffix(".csv"),
            group.metric,
            group.split,
            f"{group.n:,}",
            f"{group.median_absolute_error:.1%}",
            f"{group.median_error:+.1%}",
            f"{group.within_15:.0%}",
            f"{group.within_30:.0%}",
            f"{group.coverage_80:.0%}",
        )
        for group in answer.groups
    ]
    columns = (
        "set",
        "metric",
        "split",
        "n",
        "median abs. error",
        "median error",
        "within 15 %",
        "within 30 %",
        "in 80 % range",
    )
    print_table(columns, rows, right=(3, 4, 5, 6, 7, 8))
    click.echo()
    click.echo(f"{answer.scored:,} of {answer.rows:,} rows scored")
    for reason, count in answer.skipped:
        click.echo(f"  {count:>6,} skipped: {reason}")
    if answer.n_breaches:
        heading(f"{answer.n_breaches} measurements beat the speed of light: check precision, GPU count, cached tokens")
        for breach in answer.breaches if all_rows else answer.breaches[:_SHOWN]:
            click.echo(f"  {breach.file} row {breach.line}: {breach.what} = {breach.measured:.4g} {breach.unit}, "
                       f"roof {breach.roof:.4g}")  # fmt: skip
        if answer.n_breaches > _SHOWN and not all_rows:
            click.echo(f"  and {answer.n_breaches - _SHOWN} more: --all-rows")
    for fault in answer.faults if all_rows else answer.faults[:_SHOWN]:
        note(f"warning: {fault}")
    if answer.n_faults > _SHOWN and not all_rows:
        note(f"warning: {answer.n_faults - _SHOWN} more rows could not be read: --all-rows")


class _Rows:
    """Collects scored rows as CSV text."""

    def __init__(self) -> None:
        self.text = io.StringIO()
        self._writer = csv.writer(self.text, lineterminator="\n")
        self._writer.writerow((*_COLUMNS, "measured", "predicted", "low_80", "high_80", "roof", "error", "beats_roof"))

    def add(self, row: "Scored") -> None:
        run = row.run
        self._writer.writerow(
            [getattr(run, name) for name in _COLUMNS]
            + [f"{run.value:.6g}", f"{row.predicted:.6g}", f"{row.low:.6g}", f"{row.high:.6g}", f"{row.roof:.6g}",
               f"{row.error:.4f}", int(row.breaks_roof)]
        )  # fmt: skip


@click.command("validate")
@click.argument("tables", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write predictions to FILE.csv.")
@click.option(
    "--plot", type=click.Path(path_type=Path, dir_okay=False), help="Predicted against measured: svg, png, html."
)
@click.option("--all-rows", is_flag=True, help="Name every row that beats the roof or cannot be read.")
@click.option("--json", "as_json", is_flag=True, help="Print the response as JSON.")
def command(tables: tuple[Path, ...], output: Path | None, plot: Path | None, all_rows: bool, as_json: bool) -> None:
    """Predict measured runs and score the predictions: TABLES are CSV files in the tidy schema of docs/accuracy.

    Per set, metric and split: median absolute error, median error, shares within 15 % and 30 %, and how many
    measurements lie in the 80 % range. Rows of quality C are never scored.

    \b
    Example:
    tokenroof validate runs/*.csv -o predictions.csv --plot accuracy.svg
    """
    from tokenroof.usecases.validate import Scored, validate

    rows = _Rows()
    points: list[Scored] = []

    def each(row: "Scored") -> None:
        if output is not None:
            rows.add(row)
        if plot is not None:
            points.append(row)

    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import Progress

        with Progress(console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("predicting", total=None)
            answer = validate(tables, each=each, progress=lambda: progress.advance(task))
    else:
        answer = validate(tables, each=each)
    if output is not None:
        write_text(output, rows.text.getvalue())
    if plot is not None:
        from tokenroof.usecases.validate_charts import draw

        draw(points, plot)
    echo_json(answer) if as_json else _print(answer, all_rows)
