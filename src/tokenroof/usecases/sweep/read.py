"""Reads a sweep back: as a labelled grid, or as a table in columns."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenroof.errors import InputError, TokenroofError, UnknownName
from tokenroof.reading import parse_json, read_text
from tokenroof.registry import nearest
from tokenroof.usecases.sweep.blocks import BOUNDS, blocks_of
from tokenroof.usecases.sweep.plan import FORMAT, block_path
from tokenroof.usecases.sweep.spec import CATEGORICAL, SweepSpec, axis_values
from tokenroof.usecases.sweep.store import MANIFEST

if TYPE_CHECKING:
    import xarray
    from numpy import ndarray

__all__ = ["dataset", "read_manifest", "to_xarray"]

_MOST_BYTES = 100_000_000  # of the manifest, which names every case
_KEYS = {"format", "sweep_hash", "spec_hash", "facts_hash", "spec", "points", "blocks", "columns", "cases", "skipped"}


def read_manifest(directory: Path) -> dict[str, Any]:
    """The manifest of a directory; InputError where there is none that can be read."""
    wanted = "a directory that sweep wrote"
    try:
        text = read_text(directory / MANIFEST, most=_MOST_BYTES)
    except InputError as error:
        raise InputError("sweep directory", str(directory), wanted, error.fix or "it cannot be read") from None
    try:
        data = parse_json(text, MANIFEST)
    except InputError:
        raise InputError("sweep directory", str(directory), wanted, f"its {MANIFEST} is damaged") from None
    if not isinstance(data, dict) or not data.keys() >= _KEYS:
        raise InputError("sweep directory", str(directory), wanted, f"its {MANIFEST} is damaged")
    if data["format"] != FORMAT:
        raise InputError("sweep directory", str(directory), f"one of format {FORMAT}", f"it has {data['format']}")
    return data


def dataset(directory: Path) -> Any:
    """A pyarrow Dataset over the finished blocks, `model` and `system` from the names of the folders."""
    import pyarrow.dataset as ds

    read_manifest(directory)
    return ds.dataset(directory, format="parquet", partitioning=ds.partitioning(flavor="hive"))


def _read_block(path: Path, columns: list[str]) -> dict[str, "ndarray[Any, Any]"]:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(path).read(columns=columns)
    except FileNotFoundError:
        fix = "the sweep is not finished; run the same command to go on"
        raise InputError("sweep directory", path.name, "there", fix) from None
    except (OSError, pa.ArrowException) as error:
        raise InputError("sweep directory", path.name, "a whole Parquet file", str(error).partition("\n")[0]) from None
    found = {}
    for name in columns:
        column = table.column(name).combine_chunks()
        if name == "bound":
            # the file keeps only the words it uses, in its own order
            words = np.array([BOUNDS.index(word) for word in column.dictionary.to_pylist()], dtype=np.int8)
            found[name] = words[column.indices.to_numpy(zero_copy_only=False)]
        else:
            found[name] = column.to_numpy(zero_copy_only=False)
    return found


def _empty(name: str, shape: tuple[int, ...]) -> "ndarray[Any, Any]":
    import numpy as np

    if name == "fits":
        return np.zeros(shape, dtype=bool)
    return np.full(shape, -1, dtype=np.int8) if name == "bound" else np.full(shape, np.nan)


def to_xarray(directory: Path, columns: tuple[str, ...] | None = None) -> "xarray.Dataset":
    """The grid, a dimension for each field. `evaluated` is False where a combination was impossible.

    There the numbers are NaN, `fits` is False, `bound` -1 and words are empty. `bound` counts in `flag_meanings`.
    """
    try:
        import xarray as xr
    except ImportError:
        raise TokenroofError("to_xarray needs xarray: pip install 'tokenroof[export]'") from None
    import numpy as np

    manifest = read_manifest(directory)
    spec = SweepSpec.from_dict(manifest["spec"])
    axes = {name: axis_values(spec, name) for name in spec.numeric_axes()}
    known = [name for name in manifest["columns"] if name not in axes]
    for name in columns or ():
        if name not in known:
            raise UnknownName("column", name, nearest(name, known))
    wanted = [name for name in known if columns is None or name in columns]
    every = [*manifest["cases"], *(skip["labels"] for skip in manifest["skipped"])]
    labels = {name: sorted({case[name] for case in every}, key=_order(spec, name, every)) for name in CATEGORICAL}
    outer = tuple(len(values) for values in labels.values())
    inner = tuple(int(values.size) for values in axes.values())
    arrays: dict[str, Any] = {name: _empty(name, outer + inner) for name in wanted}
    evaluated = np.zeros(outer, dtype=bool)
    notes = {name: np.full(outer, "", dtype=object) for name in ("layout_used", "claim_level")}
    for index, case in enumerate(manifest["cases"]):
        place = tuple(labels[name].index(case[name]) for name in CATEGORICAL)
        evaluated[place] = True
        for name, words in notes.items():
            words[place] = case[name]
        for block in blocks_of(inner, spec.block_points):
            box = tuple(slice(start, stop) for start, stop in block.box)
            shape = tuple(stop - start for start, stop in block.box)
            values = _read_block(directory / block_path(case, index, block.index), wanted)
            for name in wanted:
                arrays[name][(*place, *box)] = values[name].reshape(shape)
    dims = (*CATEGORICAL, *axes)
    data = {name: xr.Variable(dims, arrays[name], _attributes(manifest, name)) for name in wanted}
    coordinates = {name: xr.Variable(name, np.array(values, dtype=object)) for name, values in labels.items()}
    coordinates |= {name: xr.Variable(name, values, _attributes(manifest, name)) for name, values in axes.items()}
    data["evaluated"] = xr.Variable(CATEGORICAL, evaluated, {"long_name": "whether the combination is possible"})
    data |= {name: xr.Variable(CATEGORICAL, words) for name, words in notes.items()}
    return xr.Dataset(data, coordinates, {"tokenroof": manifest["tokenroof"], "sweep": manifest["sweep_hash"]})


def _order(spec: SweepSpec, name: str, every: list[dict[str, str]]) -> Any:
    """Labels in the order of the spec. Names of models and systems are ids by now: they keep their first place."""
    first = {case[name]: position for position, case in reversed(list(enumerate(every)))}
    given = {value: position for position, value in enumerate(getattr(spec, name))}
    return lambda value: (given.get(value, len(given)), first[value])


def _attributes(manifest: dict[str, Any], name: str) -> dict[str, Any]:
    column = manifest["columns"][name]
    found: dict[str, Any] = {"units": column["unit"], "long_name": column["what"]}
    if name == "bound":
        found |= {"flag_values": list(range(len(BOUNDS))), "flag_meanings": " ".join(BOUNDS)}
    return found
