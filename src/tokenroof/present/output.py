"""An answer as a file, by the file's ending, written whole or not at all.

csv, parquet     the table of the page: `rows`
json             the whole answer with its versions: `answer`
md, txt          the page: `page`
html             the chart where there is one, else the page
svg, png         the chart: `draw`

outputs = Outputs(answer=answer, rows=answer.rows, page=page_of(answer), draw=lambda path: draw(answer, path))
check(path, ("csv", "json", "md"))       before anything is computed
write(path, outputs)
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenroof.errors import InputError
from tokenroof.files import put
from tokenroof.present.frame import csv_text, parquet_bytes
from tokenroof.present.html import document
from tokenroof.present.json import dump
from tokenroof.present.markdown import markdown
from tokenroof.present.page import Page
from tokenroof.present.text import text

__all__ = ["CHARTS", "PAGES", "TABLES", "Outputs", "check", "write"]

TABLES = ("csv", "json", "parquet")
PAGES = ("md", "txt", "html")
CHARTS = ("svg", "png", "html")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """What an answer can be written as; None where it has no such form."""

    answer: Any = None
    rows: Iterable[Any] | None = None
    units: Mapping[str, str] | None = None
    page: Page | None = None
    draw: Callable[[Path], None] | None = None

    @property
    def endings(self) -> tuple[str, ...]:
        """The endings that write() takes."""
        found = (
            *(("csv",) if self.rows is not None else ()), *(("json",) if self.answer is not None else ()),
            *(("parquet",) if self.rows is not None else ()), *(PAGES if self.page is not None else ()),
            *(CHARTS if self.draw is not None else ()),
        )  # fmt: skip
        return tuple(dict.fromkeys(found))


def check(path: Path, endings: Sequence[str], field: str = "output") -> str:
    """The ending of a file that is to be written, or InputError before anything is computed for it."""
    ending = path.suffix.lower().removeprefix(".")
    if ending not in endings:
        raise InputError(field, str(path), f"a file ending in {', '.join(f'.{one}' for one in endings)}")
    if not path.resolve().parent.is_dir():
        raise InputError(field, str(path), "in a directory that exists", f"make {path.resolve().parent} first")
    return ending


def write(path: Path, outputs: Outputs) -> None:
    """Write one form of an answer."""
    ending = check(path, outputs.endings)
    if ending in CHARTS and outputs.draw is not None:
        outputs.draw(path)
        return
    put(path, _content(ending, outputs))


def _content(ending: str, outputs: Outputs) -> str | bytes:
    page = outputs.page
    if ending == "json":
        return dump(outputs.answer) + "\n"
    if page is not None and ending in PAGES:
        return {"md": markdown, "html": document}[ending](page) if ending != "txt" else text(page, full=True) + "\n"
    rows = outputs.rows or ()
    return csv_text(rows) if ending == "csv" else parquet_bytes(rows, outputs.units)
