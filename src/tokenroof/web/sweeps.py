"""A small sweep as columns, for a page: the data set is made in a folder of its own and read back."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tokenroof.errors import InputError
from tokenroof.usecases.sweep.plan import plan_sweep
from tokenroof.usecases.sweep.run import SweepResponse, sweep

__all__ = ["MOST_POINTS", "Swept", "swept"]

MOST_POINTS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What the verb answers, without the folder, and every column with a value for each point."""

    sweep: SweepResponse
    columns: Mapping[str, tuple[Any, ...]]


def swept(spec: Any, tell: Any) -> Swept:
    """Run a sweep of at most MOST_POINTS points."""
    points = plan_sweep(spec).points
    if points > MOST_POINTS:
        raise InputError("sweep", f"{points:,} points", f"at most {MOST_POINTS:,} points", "make the grid coarser")
    with tempfile.TemporaryDirectory(prefix="tokenroof-") as folder:
        done = sweep(
            spec, Path(folder) / "sweep", threads=1, on_progress=lambda at: tell(at.points_done / max(at.points, 1))
        )
        table = done.dataset().to_table().to_pydict()
    return Swept(sweep=replace(done, directory="", seconds=0.0), columns={n: tuple(v) for n, v in table.items()})
