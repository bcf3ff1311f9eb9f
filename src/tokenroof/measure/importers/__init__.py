"""Result files of measured runs: one file a format, one line each in IMPORTERS.

read_results(path)     every run of a file of any known format
importer_of(path)      the format that a file has
"""

from collections.abc import Iterator
from pathlib import Path

from tokenroof.errors import InputError
from tokenroof.measure.importers.inferencex import INFERENCEX
from tokenroof.measure.importers.table import Importer, columns_of, head_of
from tokenroof.measure.importers.tidy import TIDY
from tokenroof.types.run import Fault, Run

__all__ = ["IMPORTERS", "Importer", "importer_of", "read_results"]

IMPORTERS: tuple[Importer, ...] = (
    TIDY,
    INFERENCEX,
)


def importer_of(path: str | Path) -> Importer:
    """The format of a file; where no known one is its, InputError says what the nearest lacks."""
    path = Path(path)
    head = head_of(path)
    for one in IMPORTERS:
        if one.detect(head):
            return one
    columns = set(columns_of(head))
    tables = [one for one in IMPORTERS if one.columns]
    nearest = min(tables, key=lambda one: len(set(one.columns) - columns) / len(one.columns))
    lacking = ", ".join(name for name in nearest.columns if name not in columns)
    known = ", ".join(one.name for one in IMPORTERS)
    raise InputError(
        "columns", path.name, f"those of a known format ({known})", f"nearest is {nearest.name}, missing: {lacking}"
    )


def read_results(path: str | Path) -> Iterator[Run | Fault]:
    """Every run of a result file, in order; a row that cannot be used is a Fault and the rest is read."""
    yield from importer_of(path).read(Path(path))
