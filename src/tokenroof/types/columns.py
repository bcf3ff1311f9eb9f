"""A table by columns, where there are too many rows for each to be an object."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Columns"]


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Name -> an array of numbers or truth values, all of one length. NaN and infinity are empty cells of files."""

    cells: Mapping[str, Any]

    def __len__(self) -> int:
        return len(next(iter(self.cells.values()), ()))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Row by row, for whoever has no use for arrays."""
        for row in zip(*(column.tolist() for column in self.cells.values()), strict=True):
            yield dict(zip(self.cells, row, strict=True))
