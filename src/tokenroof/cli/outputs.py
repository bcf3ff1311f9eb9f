"""Answers as files, by ending: .csv and .parquet the table, .json all of it, .md and .txt the page, else the chart."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenroof.cli.render import note, written
from tokenroof.errors import InputError
from tokenroof.present.output import CHARTS, PAGES, TABLES, Outputs, check, write
from tokenroof.types.columns import Columns

if TYPE_CHECKING:
    from tokenroof.present.page import Page

__all__ = ["check_folder", "check_outputs", "write_outputs"]


def check_outputs(
    plot: Path | None, outputs: Sequence[Path], *, pages: bool = False, charts: bool = True
) -> tuple[Path, ...]:
    """All files to be written. InputError before anything is computed where one of them cannot be.

    `pages`: the verb has a page that can be written too; `charts`: it has a chart.
    """
    endings = tuple(dict.fromkeys((*TABLES, *(CHARTS if charts else ()), *(PAGES if pages else ()))))
    for path in outputs:
        check(path, endings)
    if plot is not None:
        check(plot, CHARTS, "plot")
    return tuple(outputs) if plot is None else (plot, *outputs)


def check_folder(path: Path, why: str) -> None:
    """InputError for what is named as a file where a folder is written; what is one already may have any name."""
    if path.suffix.lower().removeprefix(".") in (*TABLES, *PAGES, *CHARTS) and not path.is_dir():
        raise InputError("output", str(path), why, "leave the ending out")


def write_outputs(
    answer: Any,
    paths: Iterable[Path],
    draw: Callable[[Path], None] | None,
    rows: Iterable[Any],
    page: "Page | None" = None,
) -> None:
    """Write each file whole or not at all. `rows` are dataclasses or mappings whose names carry their units."""
    held = rows if isinstance(rows, Columns) else tuple(rows)
    outputs = Outputs(answer=answer, rows=held, page=None if page is None else written(page), draw=draw)
    for path in paths:
        write(path, outputs)
        chart = draw is not None and path.suffix.lower().removeprefix(".") in CHARTS
        note(f"{'chart written' if chart else 'written'} to {path}")
