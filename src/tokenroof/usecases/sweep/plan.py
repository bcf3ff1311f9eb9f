"""The whole of a sweep laid out before anything runs: cases, grid, blocks, columns, and the hash that names it."""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tokenroof import __version__
from tokenroof.usecases.sweep.blocks import Block, Case, blocks_of, chunk_shape, column_names
from tokenroof.usecases.sweep.cases import Cases, SkippedCase, case_count, resolve
from tokenroof.usecases.sweep.spec import SpecError, SweepSpec, axis_values, check_spec

if TYPE_CHECKING:
    from numpy import ndarray

__all__ = ["FORMAT", "Plan", "block_path", "grid_of", "plan_sweep", "points_asked"]

FORMAT = 2  # of the directory: manifest and file names


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """Everything a runner needs. `spec_hash` names the question, `facts_hash` the figures and version behind it."""

    spec: SweepSpec
    cases: tuple[Case, ...]
    skipped: tuple[SkippedCase, ...]
    axes: Mapping[str, "ndarray[Any, Any]"]
    columns: tuple[str, ...]
    spec_hash: str
    facts_hash: str

    @property
    def sweep_hash(self) -> str:
        """Names this question asked of these figures: it is in every file, and workers remember cases by it."""
        return _digest([self.spec_hash, self.facts_hash])

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple(int(values.size) for values in self.axes.values())

    @property
    def points(self) -> int:
        return len(self.cases) * math.prod(self.sizes)

    @property
    def blocks_per_case(self) -> int:
        chunk = chunk_shape(self.sizes, self.spec.block_points)
        return math.prod(-(-size // step) for size, step in zip(self.sizes, chunk, strict=True))

    @property
    def n_blocks(self) -> int:
        return len(self.cases) * self.blocks_per_case

    def blocks(self) -> Iterator[tuple[Case, Block]]:
        """Every block of every case, in order."""
        for case in self.cases:
            for block in blocks_of(self.sizes, self.spec.block_points):
                yield case, block

    def grid(self, block: Block) -> dict[str, "ndarray[Any, Any]"]:
        """The block's values on each numeric axis, shaped to broadcast against each other."""
        return grid_of(self.axes, block)


def grid_of(axes: Mapping[str, "ndarray[Any, Any]"], block: Block) -> dict[str, "ndarray[Any, Any]"]:
    """The values of a block on each axis, each along its own dimension."""
    grid = {}
    for position, ((name, values), (start, stop)) in enumerate(zip(axes.items(), block.box, strict=True)):
        shape = [1] * len(axes)
        shape[position] = stop - start
        grid[name] = values[start:stop].reshape(shape)
    return grid


def block_path(labels: Mapping[str, str], case_index: int, block_index: int) -> str:
    """Where a block lies below the directory: partitioned by model and system, the way Hive names folders."""
    folders = "/".join(f"{name}={quote(labels[name], safe='')}" for name in ("model", "system"))
    return f"{folders}/case{case_index:05d}-block{block_index:05d}.parquet"


def points_asked(spec: SweepSpec) -> int:
    """Points of the full grid, before any name is looked up."""
    return case_count(spec) * math.prod(axis_values(spec, name).size for name in spec.numeric_axes())


def _digest(data: Any) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def _behind(case: Case) -> tuple[Any, ...]:
    return case.model, case.system, case.profile, case.scheduler, case.power


def _facts_hash(cases: Cases) -> str:
    """Two runs may share a directory only if every figure behind them is the same."""
    things = {id(thing): thing for case in cases.cases for thing in _behind(case)}
    figures = sorted(repr(thing) for thing in things.values())
    notes = [[*case.labels.values(), *case.notes.values()] for case in cases.cases]
    return _digest([FORMAT, __version__, figures, notes])


def plan_sweep(spec: SweepSpec, where: str = "sweep") -> Plan:
    """Check a spec, look its names up and lay the sweep out. SpecError holds every fault that was found."""
    check_spec(spec, where)
    cases = resolve(spec, where)
    names = spec.numeric_axes()
    powered = all(case.power is not None for case in cases.cases)
    columns = column_names(names, priced=spec.price_per_gpu_hour is not None, powered=powered)
    return Plan(
        spec=spec,
        cases=cases.cases,
        skipped=cases.skipped,
        axes={name: axis_values(spec, name) for name in names},
        columns=_kept(spec, names, columns, where),
        spec_hash=_digest(spec.as_dict()),
        facts_hash=_facts_hash(cases),
    )


def _kept(spec: SweepSpec, axes: tuple[str, ...], columns: tuple[str, ...], where: str) -> tuple[str, ...]:
    """The axes and the outputs asked for."""
    if spec.outputs is None:
        return columns
    unknown = [name for name in spec.outputs if name not in columns]
    if unknown:
        raise SpecError(where, [_no_output(name, columns) for name in unknown])
    return tuple(name for name in columns if name in axes or name in spec.outputs)


def _no_output(name: str, columns: tuple[str, ...]) -> str:
    from tokenroof.registry import nearest

    near = ", ".join(nearest(name, columns))
    return f"outputs: no {name!r} in this sweep" + (f"; nearest: {near}" if near else "")
