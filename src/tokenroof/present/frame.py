"""Rows as tables: a frame for Python, CSV, JSON and Parquet for files.

    to_frame(answer.rows)                        pandas, else pyarrow, else MissingExtra
    csv_text([{"tpot_s": 0.0659, "fits": True}])
    parquet_bytes(rows, units={"tpot_s": "s"})

Rows are dataclasses or mappings whose names carry their units, or Columns of arrays. Columns are those of all rows, in
the order in which they first come. What is not known or has no end is empty: NaN, null, nothing between two commas.
"""

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from tokenroof.errors import MissingExtra
from tokenroof.present.json import finite_json
from tokenroof.types.columns import Columns

__all__ = ["columns_of", "csv_text", "parquet_bytes", "to_frame"]

_ROWS = 1 << 16  # that are Python's numbers at a time
_Kind = Literal["bool", "int", "float", "str"]


def _plain(rows: Iterable[Any]) -> list[dict[str, Any]]:
    plain: list[dict[str, Any]] = [finite_json(row) for row in rows]
    return plain


def _scalar(value: Any) -> Any:
    """What one cell can hold: nested values as JSON text."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value


def columns_of(rows: Iterable[Any]) -> dict[str, list[Any]]:
    """Name -> cells, None where a row has no such value."""
    plain = _plain(rows)
    names = dict.fromkeys(name for row in plain for name in row)
    return {name: [_scalar(row.get(name)) for row in plain] for name in names}


def _kind(cells: Iterable[Any]) -> _Kind:
    """The type of a column, so that frames of many answers have equal ones: all empty is a column of numbers."""
    found = {type(cell) for cell in cells if cell is not None}
    if found == {bool}:
        return "bool"
    if found == {int}:
        return "int"
    return "float" if found <= {int, float} else "str"


def _typed(cells: Iterable[Any], kind: _Kind) -> list[Any]:
    if kind == "str":
        return [None if cell is None else str(cell) for cell in cells]
    return list(cells)


def _finite(column: Any) -> Any:
    """An array of numbers with NaN for what has no end."""
    import numpy as np

    return np.where(np.isfinite(column), column, math.nan) if column.dtype.kind == "f" else column


def _cells(column: Any) -> list[Any]:
    """A part of an array as cells of a file."""
    cells: list[Any] = column.tolist()
    return [cell if math.isfinite(cell) else None for cell in cells] if column.dtype.kind == "f" else cells


def to_frame(rows: Iterable[Any]) -> Any:
    """A pandas DataFrame where pandas is installed, else a pyarrow Table."""
    try:
        import pandas as pd
    except ImportError:
        return _arrow(rows, {}, "a frame")
    if isinstance(rows, Columns):
        return pd.DataFrame({name: _finite(column) for name, column in rows.cells.items()})
    columns = columns_of(rows)
    made = {}
    for name, cells in columns.items():
        kind = _kind(cells)
        if kind == "float" or (kind == "int" and None in cells):
            made[name] = pd.Series([math.nan if c is None else float(c) for c in cells], dtype="float64")
        else:
            dtype = {"bool": "boolean" if None in cells else "bool", "int": "int64", "str": "object"}[kind]
            made[name] = pd.Series(_typed(cells, kind), dtype=dtype)
    return pd.DataFrame(made)


def _arrow(rows: Iterable[Any], units: Mapping[str, str], feature: str) -> Any:
    try:
        import pyarrow as pa
    except ImportError:
        raise MissingExtra(feature, "export") from None
    if isinstance(rows, Columns):
        arrays = {name: pa.array(_finite(column), from_pandas=True) for name, column in rows.cells.items()}
        metadata = {name: {"unit": units[name]} if name in units else None for name in arrays}
        fields = [pa.field(name, array.type, metadata=metadata[name]) for name, array in arrays.items()]
        return pa.table(list(arrays.values()), schema=pa.schema(fields))
    columns = columns_of(rows)
    types = {"bool": pa.bool_(), "int": pa.int64(), "float": pa.float64(), "str": pa.string()}
    kinds = {name: _kind(cells) for name, cells in columns.items()}
    fields = [
        pa.field(name, types[kind], metadata={"unit": units[name]} if name in units else None)
        for name, kind in kinds.items()
    ]
    return pa.table(
        [pa.array(_typed(cells, kinds[name]), types[kinds[name]]) for name, cells in columns.items()],
        schema=pa.schema(fields),
    )


def csv_text(rows: Iterable[Any]) -> str:
    """A header and one line a row."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if isinstance(rows, Columns):
        writer.writerow(rows.cells)
        for low in range(0, len(rows), _ROWS):
            parts = [_cells(column[low : low + _ROWS]) for column in rows.cells.values()]
            writer.writerows(zip(*parts, strict=True))
        return text.getvalue()
    columns = columns_of(rows)
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return text.getvalue()


def parquet_bytes(rows: Iterable[Any], units: Mapping[str, str] | None = None) -> bytes:
    """A Parquet file, the units in the metadata of its fields."""
    table = _arrow(rows, units or {}, "a Parquet file")
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return bytes(sink.getvalue())
