"""What every verb shares: JSON and pages out, tables, quantities as options."""

import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import click

from tokenroof.errors import TokenroofError
from tokenroof.present.json import dump
from tokenroof.units import parse_quantity

if TYPE_CHECKING:
    from tokenroof.present.page import Page

__all__ = ["QuantityType", "echo_json", "echo_page", "heading", "note", "print_table"]


_GAP = 3  # characters between two columns


class QuantityType(click.ParamType[float]):
    """An option that takes `3.35TB/s` or a bare number in `unit`."""

    def __init__(self, unit: str) -> None:
        self.unit, self.name = unit, unit

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            return parse_quantity(value, self.unit)
        except TokenroofError as error:
            self.fail(str(error), param, ctx)

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        return f"<{self.unit}>"


def echo_json(value: Any) -> None:
    """Print a response as JSON with its versions; a value without limit is null."""
    click.echo(dump(value))


def echo_page(page: "Page", full: bool = False) -> None:
    """Print a page as wide and as colourful as the stream allows."""
    from tokenroof.present.text import terminal, text

    click.echo(text(page, **terminal(sys.stdout), full=full))


def note(text: str) -> None:
    """A remark for people: to stderr, so that tables and JSON stay clean."""
    click.echo(text, err=True)


def heading(text: str) -> None:
    """A section title, bold on a terminal that shows colour."""
    click.echo(text if os.environ.get("NO_COLOR") else click.style(text, bold=True))


def _table_width() -> int | None:
    """None leaves a terminal its own width. A pipe gets $COLUMNS where it is set, else enough for most tables."""
    if sys.stdout.isatty():
        return None
    asked = os.environ.get("COLUMNS", "")
    return max(int(asked), 40) if asked.isdecimal() and len(asked) < 6 and int(asked) > 0 else 140


def _least(header: str, cells: Sequence[str], whole: bool) -> int:
    """The least width of a column: a whole cell where a number or a name must not be cut, else its longest word."""
    words = [word for text in (header, *([] if whole else cells)) for word in text.split()] or [""]
    widest = max(map(len, words))
    return max([widest, *map(len, cells)]) if whole else min(max(widest, 12), 28)


def _blocks(least: Sequence[int], width: int) -> list[list[int]]:
    """Columns that stand beside each other: a table too wide for the window is continued below, under its first one."""
    blocks = [[0]]
    for index in range(1, len(least)):
        together = [*blocks[-1], index]
        if len(blocks[-1]) > 1 and sum(least[i] for i in together) + _GAP * (len(together) - 1) > width:
            blocks.append([0, index])
        else:
            blocks[-1] = together
    return blocks


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[int] = (), title: str = ""
) -> None:
    """A plain aligned table. `right` names the columns of numbers, which are never cut. rich loads only here."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    rows = [tuple(row) for row in rows]
    colours: Literal["auto"] | None = None if os.environ.get("NO_COLOR") else "auto"  # bold and italic go with them
    console = Console(width=_table_width(), color_system=colours, highlight=False, emoji=False, markup=False)
    held = [[row[index] for row in rows] for index in range(len(columns))]
    natural = [max(map(len, (name, *cells))) for name, cells in zip(columns, held, strict=True)]
    tight = sum(natural) + _GAP * (len(columns) - 1) > console.width
    least = [_least(name, held[i], i == 0 or i in right) for i, name in enumerate(columns)] if tight else natural
    least[0] = max(least[0], len(columns[0]))  # its header is not wrapped
    for number, block in enumerate(_blocks(least, console.width)):
        if number:
            click.echo()
        table = Table(
            box=box.SIMPLE_HEAD, title=title or None, title_justify="left", pad_edge=False, show_edge=False
        )  # fmt: skip
        for index in block:
            whole = index == 0 or index in right
            table.add_column(
                columns[index],
                justify="right" if index in right else "left",
                no_wrap=index == 0,
                width=least[index] if tight and whole else None,
            )
        for row in rows:
            table.add_row(*(row[index] for index in block))
        console.print(table)
