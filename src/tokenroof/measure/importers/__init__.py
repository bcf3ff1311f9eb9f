"""Result files of measured runs: one file a format, one line each in IMPORTERS.

read_benchmarks(path, given=...)   every run of a benchmark tool, with all that was measured in it
read_results(path, given=...)      the same as rows of one metric each
importer_of(path)                  the format that a file has
"""

from collections.abc import Iterator
from pathlib import Path

from tokenroof.errors import InputError, UnknownName
from tokenroof.measure.benchmarks import gathered, lacking, runs_of
from tokenroof.measure.given import with_given
from tokenroof.measure.importers.inferencex import INFERENCEX
from tokenroof.measure.importers.table import Importer, columns_of, head_of
from tokenroof.measure.importers.tidy import TIDY
from tokenroof.registry import nearest
from tokenroof.types.benchmark import Benchmark, Given
from tokenroof.types.run import Fault, Run

__all__ = ["IMPORTERS", "Importer", "importer_of", "read_benchmarks", "read_results"]

_NOTHING = Given()

IMPORTERS: tuple[Importer, ...] = (
    TIDY,
    INFERENCEX,
)


def importer_of(path: str | Path, name: str = "") -> Importer:
    """The format of a file, or the one of that name; where no known one is its, InputError says what is lacking."""
    path = Path(path)
    if name:
        return _named(name)
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


def _named(name: str) -> Importer:
    for one in IMPORTERS:
        if one.name.lower() == name.strip().lower():
            return one
    raise UnknownName("format", name, nearest(name, [one.name for one in IMPORTERS]))


def read_benchmarks(path: str | Path, *, given: Given = _NOTHING) -> Iterator[Benchmark | Fault]:
    """Every run of a result file, in order, with what is `given` beside it.

    What cannot be used is a Fault and the rest is read. What nobody said stays blank: `lacking` tells of it.
    """
    one = importer_of(path, given.format)
    for found in gathered(one.read(Path(path)), one.name):
        yield found if isinstance(found, Fault) else with_given(found, given)


def read_results(path: str | Path, *, given: Given = _NOTHING) -> Iterator[Run | Fault]:
    """Every metric of a result file, in order; a row that cannot be used is a Fault and the rest is read."""
    one = importer_of(path, given.format)
    read = one.read(Path(path))
    for found in read if given == _NOTHING else gathered(read, one.name):
        if isinstance(found, Benchmark):
            whole = with_given(found, given)
            unsaid = lacking(whole)
            if unsaid is not None:
                yield Fault(file=found.file, line=found.position, text=str(unsaid))
            else:
                yield from runs_of(whole)
        else:
            yield found
