"""Answers as files, by ending: .csv and .parquet the table, .json the whole response, else the chart."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from tokenroof.cli.render import note
from tokenroof.present.output import CHARTS, TABLES, Outputs, check, write

__all__ = ["check_outputs", "write_outputs"]

_ENDINGS = (*TABLES, *CHARTS)


def check_outputs(plot: Path | None, outputs: Sequence[Path]) -> tuple[Path, ...]:
    """All files to be written. InputError before anything is computed where one of them cannot be."""
    for path in outputs:
        check(path, _ENDINGS)
    if plot is not None:
        check(plot, CHARTS, "plot")
    return tuple(outputs) if plot is None else (plot, *outputs)


def write_outputs(answer: Any, paths: Iterable[Path], draw: Callable[[Path], None], rows: Iterable[Any]) -> None:
    """Write each file whole or not at all. `rows` are dataclasses or mappings whose names carry their units."""
    outputs = Outputs(answer=answer, rows=tuple(rows), draw=draw)
    for path in paths:
        write(path, outputs)
        chart = path.suffix.lower().removeprefix(".") in CHARTS
        note(f"{'chart written' if chart else 'written'} to {path}")
