"""`tokenroof validate`: predictions beside measurements, scored."""

import csv
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tokenroof.cli.render import echo_json, echo_page
from tokenroof.errors import InputError
from tokenroof.files import part_of, unwritable
from tokenroof.present.output import CHARTS, check

if TYPE_CHECKING:
    from tokenroof.usecases.measured.validate import Scored

__all__ = ["command"]

_COLUMNS = ("file", "line", "row_id", "model", "hardware", "engine", "mode", "metric", "unit", "quality", "split")
_MOST_PLOTTED = 20_000


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
@click.option("--by", help="Scores by some of model,hardware,engine,format,mode,source.")
@click.option("--all-rows", is_flag=True, help="Every set, every row that beats the hardware bound or cannot be read.")
@click.option("--json", "as_json", is_flag=True, help="Print the response as JSON.")
def command(
    tables: tuple[Path, ...], output: Path | None, plot: Path | None, by: str | None, all_rows: bool, as_json: bool
) -> None:
    """Predict measured runs and score the predictions: TABLES are CSV files, one measurement a row, with columns
    model, hardware (H100, or 2xH100), engine, mode, input_len, output_len, batch_or_concurrency, metric and value
    (docs/reference/measurements has the others), or results of InferenceX.

    Modes: server-closed-loop, disaggregated, server, server-interactive, offline, mixed, prefill, decode. Metrics:
    tpot_ms, itl_ms, tpot_p50_ms, itl_p50_ms, ttft_ms, ttft_p50_ms, e2e_latency_s, output_tok_s,
    output_tok_s_per_gpu, total_tok_s, input_tok_s, input_tok_s_per_gpu.

    Per set, metric and split: median absolute error and where it lies for 80 % of other draws of the deployments,
    median error, shares within 15 % and 30 %, how many measurements lie in the 80 % range and how wide that is. Rows
    of quality C, and rows that beat the hardware bound, are never scored; where none is scored the exit status is 1.

    \b
    Example:
    tokenroof validate runs/*.csv -o predictions.csv --plot accuracy.svg
    tokenroof validate runs/*.csv --by model,hardware,engine
    """
    from tokenroof.usecases.measured.validate import validate

    if output is not None:
        check(output, ("csv",))
    if plot is not None:
        check(plot, CHARTS, "plot")
    names = () if by is None else tuple(name.strip() for name in by.split(","))
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
                answer = validate(tables, by=names, each=each, progress=lambda: progress.advance(task))
        else:
            answer = validate(tables, by=names, each=each)
        whole = True
    finally:
        if rows is not None:
            rows.close(whole)
    if plot is not None:
        from tokenroof.present.charts.validate import draw

        draw(points.rows, plot)
    if as_json:
        echo_json(answer)
    else:
        from tokenroof.present.pages.validate import page_of

        echo_page(page_of(answer), full=all_rows)
    if not answer.scored:
        sys.exit(1)
