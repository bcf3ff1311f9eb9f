#!/usr/bin/env python3
"""Carries published runs into src/tokenroof/catalog/data/measured/, a file for each chip, in the catalogue's schema.

    .venv/bin/python scripts/carry_measured.py FOLDER

FOLDER holds the tables named in TABLES. Taken are closed loops of quality A and B, where prompts and answers share
their GPUs and nothing is drafted.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tokenroof.catalog.measured import MEASURED, read_measured
from tokenroof.measure.fit_select import why_not_fitted
from tokenroof.scenario.formats import ALIASES
from tokenroof.usecases.compare.points import Point, points_of
from tokenroof.usecases.compare.request import Told

# table -> (source as told, date of the dump where rows have none of their own)
TABLES = {
    "inferencex_aggregated": ("InferenceX (SemiAnalysis) via aiconfigurator at 095f58a, Apache-2.0", ""),
    "inferencex_2026_07_part": ("InferenceX (SemiAnalysis), database of 2026-07-20, Apache-2.0", "2026-07-20"),
    "inferencex_amd_2026_07": ("InferenceX (SemiAnalysis), database of 2026-07-20, Apache-2.0", "2026-07-20"),
}
MEAN_SHARE = 0.9  # lengths are drawn evenly from 0.8 to 1.0 of what the source names
_SAID = re.compile(r"InferenceX model is ([\w.-]+)")
_FORMAT = re.compile(r"-(fp8|nvfp4|mxfp4)$")


def _model(point: Point) -> str:
    """The model that was run, without its format: the table names one of the same shape, its note the model."""
    said = _SAID.search(point.first.note)
    return _FORMAT.sub("", said[1].lower() if said else point.setup.model.id)


def taken(point: Point) -> bool:
    """Whether a run is carried."""
    run, setup = point.first, point.setup
    return (
        run.mode == "server-closed-loop" and setup.prefill is None and not setup.drafts
        and run.quality in ("A", "B") and "tpot" in point.runs
    )  # fmt: skip


def series_of(point: Point, source: str, dump: str) -> dict[str, Any]:
    """All that the points of a series share."""
    run, one = point.runs["tpot"], point.setup
    layout = one.layout
    return {
        "model": _model(point), "gpus": layout.tp * layout.pp * layout.dp, "tp": layout.tp, "pp": layout.pp,
        "ep": layout.ep, "dp": layout.dp, "weight_dtype": ALIASES.get(run.weight_dtype, run.weight_dtype),
        "engine": one.engine, "engine_version": run.engine_version, "isl": int(run.isl or 0), "osl": int(run.osl or 0),
        "statistic": "median" if "p50" in run.metric else "mean", "fitted": not why_not_fitted(run, one),
        "source": source, "as_of": dump or run.date,
    }  # fmt: skip


def numbers_of(point: Point) -> tuple[float, float, float | None, float | None]:
    """Concurrency, TPOT, TTFT, total tokens a second of a GPU."""
    run, tpot, total = point.first, point.si("tpot"), point.si("total")
    assert run.concurrency is not None and tpot is not None
    gpus = point.setup.layout.tp * point.setup.layout.pp * point.setup.layout.dp
    return run.concurrency, tpot, point.si("ttft"), None if total is None else total / gpus


def gathered(folder: Path) -> dict[str, dict[str, list[tuple[float, float, float | None, float | None]]]]:
    """Chip -> what a series shares, as text -> its points."""
    found: dict[str, dict[str, list[tuple[float, float, float | None, float | None]]]] = {}
    for table, (source, dump) in TABLES.items():
        for point in points_of(Told(results=(str(folder / f"{table}.csv"),))).points:
            if taken(point):
                shared = json.dumps(series_of(point, source, dump))
                found.setdefault(point.setup.system.chip.id, {}).setdefault(shared, []).append(numbers_of(point))
    return found


def _column(name: str, values: list[float | None]) -> Iterator[str]:
    if all(value is not None for value in values):
        yield f"{name} = [{', '.join(f'{value:.5g}' for value in values)}]"


def text_of(chip: str, series: dict[str, list[tuple[float, float, float | None, float | None]]]) -> str:
    """One file."""
    lines = [
        "# Published runs: written by scripts/carry_measured.py, not edited by hand.", f'chip = "{chip}"',
        f'mean_share = {{value = {MEAN_SHARE}, unit = "1", source = "{TABLES["inferencex_2026_07_part"][0]}", '
        'as_of = "2026-07-20", grade = "reported"}', "", "[defaults]", 'grade = "measured"',
    ]  # fmt: skip
    plain: dict[str, Any] = {"pp": 1, "ep": 1, "dp": 1, "tp": 1, "engine_version": ""}
    for shared, points in sorted(series.items()):
        lines += ["", "[[series]]"]
        for key, value in json.loads(shared).items():
            if plain.get(key, ...) != value:
                lines.append(f"{key} = {json.dumps(value)}")
        columns = zip(*sorted(points), strict=True)
        for name, values in zip(
            ("concurrency", "tpot_s", "ttft_s", "total_tokens_per_s_per_gpu"), columns, strict=True
        ):
            lines += _column(name, list(values))
    return "\n".join(lines) + "\n"


def main(folder: Path) -> None:
    """Write all files, read each again, say how large they are."""
    MEASURED.mkdir(exist_ok=True)
    for old in MEASURED.glob("*.toml"):
        old.unlink()
    total = 0
    for chip, series in sorted(gathered(folder).items()):
        path = MEASURED / f"{chip}.toml"
        path.write_text(text_of(chip, series), encoding="utf-8")
        total += path.stat().st_size
        runs = sum(len(one.concurrency) for one in read_measured(path))
        sys.stdout.write(f"{chip}: {len(series)} series, {runs} runs\n")
    sys.stdout.write(f"{total / 1000:.0f} KB\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
