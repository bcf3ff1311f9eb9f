"""The directory of a sweep: a manifest and one Parquet file per block, each written whole or not at all."""

import contextlib
import errno
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenroof import __version__
from tokenroof.errors import InputError, TokenroofError
from tokenroof.files import PART, beside
from tokenroof.usecases.sweep.blocks import BOUNDS, COLUMNS, Block, Case
from tokenroof.usecases.sweep.plan import FORMAT, Plan, block_path
from tokenroof.usecases.sweep.spec import CATEGORICAL

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["MANIFEST", "Store", "check_pyarrow", "encode_block", "open_store"]

# Readers of Parquet datasets pass over names that begin with an underscore or a dot.
MANIFEST = "_manifest.json"
_LABELS = tuple(name for name in CATEGORICAL if name not in ("model", "system"))  # those two are the folders
_NOTES = {
    "layout_used": "the layout that was timed; empty for the closed forms",
    "claim_level": "structure guessed, bound, peak rates, default efficiencies or calibrated",
}


def check_pyarrow() -> None:
    """One clear line where the extra that brings Parquet is not installed."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        raise TokenroofError("sweep writes Parquet and needs pyarrow: pip install 'tokenroof[export]'") from None


def file_schema(columns: tuple[str, ...], metadata: Mapping[str, str]) -> "pa.Schema":
    """Columns with their units in the metadata of each field."""
    import pyarrow as pa

    words = pa.dictionary(pa.int8(), pa.string())
    names = pa.dictionary(pa.int32(), pa.string())
    about = {**{name: f"axis {name}" for name in _LABELS}, **_NOTES}
    fields = [pa.field(name, names, nullable=False, metadata={"unit": "", "what": about[name]}) for name in about]
    for name in columns:
        unit, what = COLUMNS[name]
        kind = words if name == "bound" else pa.bool_() if name == "fits" else pa.float64()
        fields.append(pa.field(name, kind, nullable=False, metadata={"unit": unit, "what": what}))
    return pa.schema(fields, metadata=dict(metadata))


def encode_block(case: Case, block: Block, columns: Mapping[str, Any], sweep_hash: str) -> "pa.Buffer":
    """The bytes of a block's file: the same values give the same bytes, wherever they were computed."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    shape = tuple(stop - start for start, stop in block.box)
    words = {**{name: case.labels[name] for name in _LABELS}, **{name: case.notes[name] for name in _NOTES}}
    arrays: list[pa.Array] = [
        pa.DictionaryArray.from_arrays(np.zeros(block.points, np.int32), [word]) for word in words.values()
    ]
    repeated, plain = [*words], list[str]()
    for name, values in columns.items():
        values = np.asarray(values)
        full = np.broadcast_to(values, shape).ravel()
        if name == "bound":
            arrays.append(pa.DictionaryArray.from_arrays(full, list(BOUNDS)))
        elif name == "fits":
            arrays.append(pa.array(full))
        else:
            if np.isnan(values).any():
                raise TokenroofError(f"{name} is not a number somewhere in {dict(case.labels)}: please report this")
            arrays.append(pa.array(full, pa.float64()))
            (repeated if values.size * 4 <= block.points else plain).append(name)
    metadata = {"tokenroof": __version__, "sweep": sweep_hash}
    table = pa.Table.from_arrays(arrays, schema=file_schema(tuple(columns), metadata))
    sink = pa.BufferOutputStream()
    pq.write_table(
        table, sink, compression="zstd", compression_level=1,
        use_dictionary=[*repeated, *(["bound"] if "bound" in columns else [])], use_byte_stream_split=plain,
    )  # fmt: skip
    return sink.getvalue()


@dataclass(frozen=True, slots=True)
class Store:
    """An open directory. Only one process writes to it at a time."""

    directory: Path
    sweep_hash: str

    def path(self, case: Case, block: Block) -> Path:
        return self.directory / block_path(case.labels, case.index, block.index)

    def has(self, case: Case, block: Block) -> bool:
        """Whether the block is there and whole. A damaged file, as a power cut can leave, counts as absent."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = self.path(case, block)
        if not path.exists():
            return False
        try:
            found = pq.read_metadata(path)
        except (OSError, pa.ArrowException):
            return False
        return found.num_rows == block.points and (found.metadata or {}).get(b"sweep") == self.sweep_hash.encode()

    def write(self, case: Case, block: Block, data: Any) -> int:
        """Put a block in place; returns its size."""
        return self._write(self.path(case, block), data)

    def _write(self, path: Path, data: Any) -> int:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with beside(path) as part:
                size = part.write_bytes(data)
        except OSError as error:
            raise cannot_write(self.directory, error) from None
        return size

    def write_manifest(self, plan: Plan) -> None:
        """Say what the directory holds; written once, before the first block."""
        manifest = {
            "format": FORMAT,
            "tokenroof": __version__,
            "sweep_hash": plan.sweep_hash,
            "spec_hash": plan.spec_hash,
            "facts_hash": plan.facts_hash,
            "spec": plan.spec.as_dict(),
            "points": plan.points,
            "blocks": plan.n_blocks,
            "columns": {name: {"unit": COLUMNS[name][0], "what": COLUMNS[name][1]} for name in plan.columns},
            "cases": [{**case.labels, **case.notes} for case in plan.cases],
            "skipped": [{"labels": dict(skip.labels), "reason": skip.reason} for skip in plan.skipped],
        }
        self._write(self.directory / MANIFEST, json.dumps(manifest, indent=1).encode())

    def sweep_out(self) -> None:
        """Remove what a killed run left half-written."""
        for leftover in self.directory.rglob(f".*{PART}"):
            with contextlib.suppress(OSError):
                leftover.unlink(missing_ok=True)


def cannot_write(directory: Path, error: OSError) -> InputError:
    reason = error.strerror or str(error) or "cannot be written"
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    fix = f"{reason}; finished blocks are kept" + ("; make room and run the same command to go on" if full else "")
    return InputError("output directory", str(directory), "a writable directory with room", fix)


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Hold the directory while writing. The system lets go of it when the process ends, however it ends."""
    try:
        import fcntl
    except ImportError:  # Windows: runs in one directory are then up to the user
        yield
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError(
                "output directory", str(directory), "one that no other run is writing", "wait for it, or stop it"
            ) from None
        yield
    finally:
        os.close(handle)


def _check_same(directory: Path, plan: Plan) -> None:
    from tokenroof.usecases.sweep.read import read_manifest

    manifest = read_manifest(directory)
    if manifest["spec_hash"] != plan.spec_hash:
        raise InputError("output directory", str(directory), "empty, or of the same spec", "it holds another sweep")
    if manifest["facts_hash"] != plan.facts_hash:
        begun = "it was begun by another version of tokenroof or with other figures in the catalogue"
        raise InputError("output directory", str(directory), "empty, or of the same version and catalogue", begun)


@contextlib.contextmanager
def open_store(directory: Path, plan: Plan) -> Iterator[Store]:
    """The directory ready for writing: made, or found to be of the same sweep. InputError otherwise."""
    try:
        directory.mkdir(exist_ok=True)
        entries = [entry.name for entry in directory.iterdir()]
    except FileNotFoundError as error:
        if directory.parent.is_dir():
            raise cannot_write(directory, error) from None
        raise InputError(
            "output directory", str(directory), "in a directory that exists", f"there is no {directory.parent}"
        ) from None
    except (FileExistsError, NotADirectoryError):
        raise InputError("output directory", str(directory), "a directory", "there is a file of that name") from None
    except OSError as error:
        raise cannot_write(directory, error) from None
    with _locked(directory):
        store = Store(directory, plan.sweep_hash)
        if MANIFEST in entries:
            _check_same(directory, plan)
        elif any(not (name.startswith(".") and name.endswith(PART)) for name in entries):
            raise InputError("output directory", str(directory), "empty, or of the same sweep", "it holds other files")
        store.sweep_out()
        if MANIFEST not in entries:
            store.write_manifest(plan)
        yield store
