"""`tokenroof sweep`: a grid over scenarios, into a Parquet dataset."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tokenroof.cli.outputs import check_folder
from tokenroof.cli.render import echo_json, echo_page, note
from tokenroof.cli.unused import refuse_unused
from tokenroof.errors import InputError

if TYPE_CHECKING:
    from tokenroof.usecases.sweep.run import Progress, SweepResponse
    from tokenroof.usecases.sweep.spec import SweepSpec

__all__ = ["command"]


@contextlib.contextmanager
def _progress_bar() -> Iterator["Callable[[Progress], None] | None"]:
    """A bar on stderr where that is a terminal, nothing elsewhere. rich loads here and only here."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("sweep"), BarColumn(), MofNCompleteColumn(), TextColumn("blocks"), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("sweep", total=None)

        def show(progress: "Progress") -> None:
            bar.update(task, completed=progress.blocks_done, total=progress.blocks)

        yield show


class _Last:
    """Remembers the last word on progress, for what is said after an interrupt."""

    def __init__(self, show: "Callable[[Progress], None] | None") -> None:
        self.show = show
        self.progress: Progress | None = None

    def __call__(self, progress: "Progress") -> None:
        self.progress = progress
        if self.show is not None:
            self.show(progress)


def _run(spec: "SweepSpec", output: Path, scheduler: str | None, threads: int | None, yes: bool) -> "SweepResponse":
    from tokenroof.usecases.sweep.run import sweep

    with _progress_bar() as show:
        last = _Last(show)
        try:
            return sweep(spec, output, scheduler=scheduler, threads=threads, yes=yes, on_progress=last)
        except KeyboardInterrupt:
            done = last.progress
            count = f"{done.blocks_done:,} of {done.blocks:,}" if done else "no"
            note(f"stopped: {count} blocks are there; the same command goes on from here")
            raise


@click.command("sweep")
@click.argument("spec", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Directory for the dataset: new, or to go on in.")
@click.option("--scheduler", metavar="tcp://HOST:PORT", help="Run the blocks on this Dask cluster.")
@click.option("--threads", type=click.IntRange(1, 1024), help="On this machine. [default: one per core]")
@click.option("--estimate", is_flag=True, help="Say how many points, bytes and seconds it would take, and stop.")
@click.option("--yes", is_flag=True, help="Run however large the grid is.")
@click.option("--json", "as_json", is_flag=True, help="Print the response as JSON.")
def command(
    spec: Path,
    output: Path | None,
    scheduler: str | None,
    threads: int | None,
    estimate: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Evaluate a grid of scenarios from SPEC, a TOML file, into a Parquet dataset with units.

    A field of the spec with one value is held fixed, with several it is an axis: model, system, layout, rule, engine,
    profile, weight_dtype, kv_dtype, batch, context (or isl and osl, prefix), price_per_gpu_hour.
    A run that was stopped goes on where it was.

    \b
    Example:
    tokenroof sweep examples/sweep.toml -o sweep-out
    tokenroof sweep examples/sweep.toml -o sweep-out --scheduler tcp://10.0.0.5:8786
    """
    from tokenroof.present.pages.sweep import estimate_page, page_of
    from tokenroof.schema import read_sweep_spec
    from tokenroof.usecases.sweep.run import estimate_sweep

    refuse_unused(scheduler is None, "left out with --scheduler: the cluster has its own", "threads")
    asked = read_sweep_spec(spec)
    if estimate:
        found = estimate_sweep(asked, threads=threads)
        echo_json(found) if as_json else echo_page(estimate_page(found))
        return
    if output is None:
        raise InputError("output", None, "given", "add -o DIRECTORY, or --estimate")
    check_folder(output, "a directory: a data set is many files")
    answer = _run(asked, output, scheduler, threads, yes)
    echo_json(answer) if as_json else echo_page(page_of(answer))
