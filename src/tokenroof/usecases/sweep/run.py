"""Grids over scenarios: evaluated block by block, kept as a Parquet dataset, resumed where they stopped."""

import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenroof.errors import InputError
from tokenroof.units import format_bytes
from tokenroof.usecases.sweep.blocks import Block, Case
from tokenroof.usecases.sweep.cases import SkippedCase
from tokenroof.usecases.sweep.dask import run_dask
from tokenroof.usecases.sweep.plan import Plan, plan_sweep
from tokenroof.usecases.sweep.read import dataset, read_manifest, to_xarray
from tokenroof.usecases.sweep.spec import AUTO, CATEGORICAL, SweepSpec
from tokenroof.usecases.sweep.store import check_pyarrow, open_store
from tokenroof.usecases.sweep.threads import block_bytes, run_local, thread_count

if TYPE_CHECKING:
    import xarray

__all__ = [
    "MOST_BYTES",
    "MOST_POINTS",
    "Progress",
    "SweepEstimate",
    "SweepResponse",
    "estimate_sweep",
    "open_sweep",
    "sweep",
]

MOST_POINTS = 50_000_000  # more than this is refused unless the caller says yes
MOST_BYTES = 4_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepEstimate:
    """What a sweep will take: points and blocks as counted, bytes and seconds scaled up from its first block.

    `seconds` is for the threads of this machine.
    """

    points: int
    cases: int
    skipped: int
    blocks: int
    bytes: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a run stands, told after each block."""

    blocks_done: int
    blocks: int
    points_done: int
    points: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The layout that was taken where the spec left it to tokenroof."""

    labels: Mapping[str, str]
    layout: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepResponse:
    """A finished sweep. `blocks_kept` were there from an earlier run; bytes and seconds are those of this run."""

    directory: str
    points: int
    cases: int
    blocks: int
    blocks_computed: int
    blocks_kept: int
    bytes_written: int
    seconds: float
    columns: tuple[str, ...]
    claim_levels: tuple[str, ...]
    layouts: tuple[Taken, ...]
    skipped: tuple[SkippedCase, ...]

    def to_xarray(self, columns: tuple[str, ...] | None = None) -> "xarray.Dataset":
        """The sweep as a labelled grid: every field of the spec is a dimension, also one of length 1."""
        return to_xarray(Path(self.directory), columns)

    def dataset(self) -> Any:
        """The sweep as a pyarrow Dataset, with `model` and `system` as columns."""
        return dataset(Path(self.directory))


def estimate_sweep(spec: SweepSpec, *, threads: int | None = None) -> SweepEstimate:
    """Points, bytes and time of a sweep, without running it."""
    check_pyarrow()
    return _estimate(plan_sweep(spec), threads)


def _estimate(plan: Plan, threads: int | None) -> SweepEstimate:
    """The first block is done twice, so that what is counted is the work and not the loading of libraries."""
    case, block = next(plan.blocks())
    for _ in range(2):
        start = time.perf_counter()
        size = len(block_bytes(case, block, plan.grid(block), plan.columns, plan.sweep_hash))
        spent = time.perf_counter() - start
    share = plan.points / block.points
    return SweepEstimate(
        points=plan.points,
        cases=len(plan.cases),
        skipped=len(plan.skipped),
        blocks=plan.n_blocks,
        bytes=size * share,
        seconds=spent * share / thread_count(threads),
    )


def _check_size(estimate: SweepEstimate, directory: Path) -> None:
    size = f"{estimate.points:,} points, about {format_bytes(estimate.bytes)} and {estimate.seconds:,.1f} s"
    if estimate.points > MOST_POINTS or estimate.bytes > MOST_BYTES:
        limit = f"at most {MOST_POINTS:,} points and {format_bytes(MOST_BYTES)}"
        raise InputError("sweep", size, limit, "make the grid coarser, or add `yes`")
    parent = directory if directory.is_dir() else directory.parent
    there = sum(path.stat().st_size for path in directory.rglob("*.parquet"))  # what an earlier run has done
    if parent.is_dir() and (free := shutil.disk_usage(parent).free) + there < estimate.bytes:
        limit = f"smaller than the {format_bytes(free)} that are free on the disk of {directory}"
        raise InputError("sweep", size, limit, "make room, or add `yes`")


def sweep(
    spec: SweepSpec,
    directory: str | os.PathLike[str],
    *,
    scheduler: str | None = None,
    threads: int | None = None,
    yes: bool = False,
    on_progress: Callable[[Progress], None] | None = None,
) -> SweepResponse:
    """Evaluate a grid into `directory`, on this machine or on the Dask cluster at `scheduler`.

    Blocks that an earlier run of the same sweep left there are kept. Large grids are refused without `yes`.
    Raises InputError (SpecError with all faults of the spec); after any error the same call goes on where it stopped.
    """
    if not isinstance(spec, SweepSpec):
        raise InputError("spec", spec, "a SweepSpec", "tokenroof.read_sweep_spec reads one from a file")
    check_pyarrow()
    plan = plan_sweep(spec)
    folder = Path(directory)
    if not yes:
        _check_size(_estimate(plan, threads), folder)
    start = time.perf_counter()
    tally = _Tally(plan, on_progress)
    with open_store(folder, plan) as store:
        jobs = tally.missing(store)
        if scheduler is None:
            run_local(plan, store, jobs, tally.done, threads)
        else:
            run_dask(plan, store, jobs, tally.done, scheduler)
    return SweepResponse(
        **_about_cases([{**case.labels, **case.notes} for case in plan.cases]),
        directory=str(folder),
        points=plan.points,
        cases=len(plan.cases),
        blocks=plan.n_blocks,
        blocks_computed=tally.computed,
        blocks_kept=tally.kept,
        bytes_written=tally.written,
        seconds=time.perf_counter() - start,
        columns=plan.columns,
        skipped=plan.skipped,
    )


def _about_cases(cases: Iterable[Mapping[str, str]]) -> dict[str, Any]:
    cases = list(cases)
    taken = [case for case in cases if case["layout"] == AUTO and case["layout_used"]]
    return {
        "claim_levels": tuple(dict.fromkeys(case["claim_level"] for case in cases)),
        "layouts": tuple(
            Taken(labels={name: case[name] for name in CATEGORICAL}, layout=case["layout_used"]) for case in taken
        ),
    }


class _Tally:
    """Counts what is kept and what is computed, and passes it on."""

    def __init__(self, plan: Plan, on_progress: Callable[[Progress], None] | None) -> None:
        self.plan, self.on_progress = plan, on_progress
        self.kept = self.computed = self.written = self.points = 0

    def missing(self, store: Any) -> Iterator[tuple[Case, Block]]:
        for case, block in self.plan.blocks():
            if store.has(case, block):
                self.kept += 1
                self._tell(block)
            else:
                yield case, block

    def done(self, _case: Case, block: Block, size: int) -> None:
        self.computed += 1
        self.written += size
        self._tell(block)

    def _tell(self, block: Block) -> None:
        self.points += block.points
        if self.on_progress is not None:
            done = self.kept + self.computed
            self.on_progress(
                Progress(blocks_done=done, blocks=self.plan.n_blocks, points_done=self.points, points=self.plan.points)
            )


def open_sweep(directory: str | os.PathLike[str]) -> SweepResponse:
    """A directory that `sweep` wrote, opened for reading."""
    check_pyarrow()
    folder = Path(directory)
    manifest = read_manifest(folder)
    return SweepResponse(
        **_about_cases(manifest["cases"]),
        directory=str(folder),
        points=manifest["points"],
        cases=len(manifest["cases"]),
        blocks=manifest["blocks"],
        blocks_computed=0,
        blocks_kept=manifest["blocks"],
        bytes_written=0,
        seconds=0.0,
        columns=tuple(manifest["columns"]),
        skipped=tuple(SkippedCase(labels=skip["labels"], reason=skip["reason"]) for skip in manifest["skipped"]),
    )
