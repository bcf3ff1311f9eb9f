"""`tokenroof validate`: predictions beside measurements, scored."""

import csv
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tokenroof.cli.render import echo_json, heading, note, print_table
from tokenroof.errors import InputError
from tokenroof.files import part_of, unwritable

if TYPE_CHECKING:
    from tokenroof.usecases.measured.validate import Scored, ValidateResponse

__all__ = ["command"]

_COLUMNS = ("file", "line", "row_id", "model", "hardware", "engine", "mode", "metric", "unit", "quality", "split")
_SHOWN = 12
_MOST_PLOTTED = 20_000


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
        heading(f"{answer.n_breaches} measurements beat the hardware bound: check formats, GPU count, cached tokens")
        for breach in answer.breaches if all_rows else answer.breaches[:_SHOWN]:
            click.echo(f"  {breach.file} row {breach.line}: {breach.what} = {breach.measured:.4g} {breach.unit}, "
                       f"bound {breach.bound:.4g}")  # fmt: skip
        if answer.n_breaches > _SHOWN and not all_rows:
            click.echo(f"  and {answer.n_breaches - _SHOWN} more: --all-rows")
    for fault in answer.faults if all_rows else answer.faults[:_SHOWN]:
        note(f"warning: {fault}")
    if answer.n_faults > _SHOWN and not all_rows:
        note(f"warning: {answer.n_faults - _SHOWN} more rows could not be read: --all-rows")


class _Rows:
    """Writes scored rows to a neighbour of the file as they come, so that a million take no memory."""

    def __init__(self, path: Path) -> None:
        self._path, self._part = path, part_of(path)
        try:
            self._file = self._part.open("w", encoding="utf-8", newline="")
        except OSError as error:
            raise self._refused(error) from None
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._row([*_COLUMNS, "measured", "predicted", "low_80", "high_80", "bound", "error", "beats_bound"])

    def _refused(self, error: OSError) -> InputError:
        return unwritable(self._path, error)

    def _row(self, cells: list[Any]) -> None:
        try:
            self._writer.writerow(cells)
        except OSError as error:
            raise self._refused(error) from None

    def add(self, row: "Scored") -> None:
        """One scored row."""
        run = row.run
        self._row(
            [getattr(run, name) for name in _COLUMNS]
            + [f"{run.value:.6g}", f"{row.predicted:.6g}", f"{row.low:.6g}", f"{row.high:.6g}", f"{row.bound:.6g}",
               f"{row.error:.4f}", int(row.beats_bound)]
        )  # fmt: skip

    def close(self, whole: bool) -> None:
        """Put the file in place, or leave nothing where the run did not end."""
        try:
            self._file.close()
            if whole:
                self._part.replace(self._path)
        except OSError as error:
            raise self._refused(error) from None
        finally:
            self._part.unlink(missing_ok=True)


class _Sample:
    """At most so many rows for a plot, each as likely as any other to be among them."""

    def __init__(self) -> None:
        self.rows: list[Scored] = []
        self._seen, self._random = 0, random.Random(0)

    def add(self, row: "Scored") -> None:
        """One scored row."""
        self._seen += 1
        if len(self.rows) < _MOST_PLOTTED:
            self.rows.append(row)
        elif (place := self._random.randrange(self._seen)) < _MOST_PLOTTED:
            self.rows[place] = row


@click.command("validate")
@click.argument("tables", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write predictions to FILE.csv.")
@click.option(
    "--plot", type=click.Path(path_type=Path, dir_okay=False), help="Predicted against measured: svg, png, html."
)
@click.option("--all-rows", is_flag=True, help="Name every row that beats the hardware bound or cannot be read.")
@click.option("--json", "as_json", is_flag=True, help="Print the response as JSON.")
def command(tables: tuple[Path, ...], output: Path | None, plot: Path | None, all_rows: bool, as_json: bool) -> None:
    """Predict measured runs and score the predictions: TABLES are CSV files in the tidy schema of docs/accuracy.

    Per set, metric and split: median absolute error, median error, shares within 15 % and 30 %, and how many
    measurements lie in the 80 % range. Rows of quality C are never scored.

    \b
    Example:
    tokenroof validate runs/*.csv -o predictions.csv --plot accuracy.svg
    """
    from tokenroof.usecases.measured.validate import validate

    rows = None if output is None else _Rows(output)
    points = _Sample()

    def each(row: "Scored") -> None:
        if rows is not None:
            rows.add(row)
        if plot is not None:
            points.add(row)

    whole = False
    try:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import Progress

            with Progress(console=Console(stderr=True), transient=True) as progress:
                task = progress.add_task("predicting", total=None)
                answer = validate(tables, each=each, progress=lambda: progress.advance(task))
        else:
            answer = validate(tables, each=each)
        whole = True
    finally:
        if rows is not None:
            rows.close(whole)
    if plot is not None:
        from tokenroof.present.charts.validate import draw

        draw(points.rows, plot)
    echo_json(answer) if as_json else _print(answer, all_rows)
