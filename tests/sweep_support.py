"""Small sweeps for the tests, and a reading of what lies in a directory."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from tokenroof.usecases.sweep.spec import Range, SweepSpec

SMALL = SweepSpec(
    model=("llama-3.1-8b",),
    system=("8xh200",),
    layout=("tp=1", "tp=8"),
    batch=Range(start=1, stop=64, points=12),
    context=Range(start=128, stop=131072, points=11, log=True),
    price_per_gpu_hour=(2.0, 3.5),
    block_points=50,
)  # 2 cases x 264 points in blocks of 2 x 11 x 2: 12 blocks


def small(**changes: Any) -> SweepSpec:
    return replace(SMALL, **changes)


def parquet_bytes(directory: Path) -> dict[str, bytes]:
    """Every data file below `directory`, by its relative path."""
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in sorted(directory.rglob("*.parquet"))}
