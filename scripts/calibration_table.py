"""The table of docs/calibration.md: public sets taken as if they were a user's file.

.venv/bin/python scripts/calibration_table.py FOLDER [-o docs/calibration.md]

A set is one model on one chip under one engine in one table, with at least 16 runs. Runs are put in order by layout,
lengths and load, and ten are taken at even distances: a rule that looks at no answer. The profile is calibrated on
these ten and predicts the rest. Half of the sets, by a checksum of their names, chose widths and noise; the others are
scored.
"""

import math
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from table_page import print_or_put

from tokenroof.measure.calibrate import PARAMETERS, Problem, fit, half_width, held_out
from tokenroof.usecases.calibrate.run import observed
from tokenroof.usecases.compare.points import Point, points_of
from tokenroof.usecases.runs.request import Told

TABLES = (
    "inferencex_aggregated", "inferencex_2026_07_part", "inferencex_amd_2026_07", "aiconfigurator_gap_runs",
    "argonne_llm_inference_bench", "trtllm_online_serving_v0.14", "rocm_vllm_mi300x",
)  # fmt: skip
FEWEST, TAKEN = 16, 10


def sets(folder: Path) -> dict[tuple[str, str, str, str], list[Point]]:
    """Runs by table, model, chip and engine, in order of layout, lengths and load."""
    found: dict[tuple[str, str, str, str], list[Point]] = {}
    for name in TABLES:
        for point in points_of(Told(results=(str(folder / f"{name}.csv"),))).points:
            one = point.setup
            if one.prefill is None:
                found.setdefault((name, one.model.id, one.system.chip.id, one.generation), []).append(point)
    return {key: sorted(points, key=order) for key, points in sorted(found.items()) if len(points) >= FEWEST}


def order(point: Point) -> tuple[object, ...]:
    """By what was asked, never by what was measured."""
    one = point.setup
    return repr(one.layout), one.drafts, one.workload.isl, one.workload.osl, one.load.kind, one.load.value


def taken(points: list[Point]) -> tuple[list[Point], list[Point]]:
    """(ten at even distances, the rest)."""
    places = {round((at + 0.5) * len(points) / TAKEN - 0.5) for at in range(TAKEN)}
    return [points[at] for at in sorted(places)], [one for at, one in enumerate(points) if at not in places]


def scores(points: list[Point]) -> dict[str, tuple[float, float, float, int]]:
    """Metric -> (median error as shipped, calibrated, share of the rest in the new range, how many)."""
    inside, rest = taken(points)
    problem = Problem.of(observed(inside))
    found = fit(problem)
    left = held_out(problem, found)
    test = Problem.of(observed(rest))
    logs = test.predict(np.vstack([np.zeros(len(PARAMETERS)), found.at_rest(left)]))
    logs = logs - np.log([case.value for case in test.cases])
    result = {}
    for metric in ("tpot", "ttft"):
        mine = np.array([case.quantity.startswith(metric) for case in test.cases]) & np.isfinite(logs[0])
        width = half_width([one.value for one in left if one.quantity.startswith(metric)])
        if mine.any():
            before, after = np.median(np.abs(np.expm1(logs[:, mine])), axis=1)
            held = float(np.mean(np.abs(logs[1, mine]) <= width)) if width else math.nan
            result[metric] = (float(before), float(after), held, int(mine.sum()))
    return result


def rows(folder: Path) -> Iterator[tuple[bool, tuple[str, ...], dict[str, tuple[float, float, float, int]]]]:
    """(whether the set is scored, its name, its scores)."""
    for key, points in sets(folder).items():
        yield bool(zlib.crc32("/".join(key).encode()) % 2), key, scores(points)


def _cells(found: dict[str, tuple[float, float, float, int]], metric: str) -> str:
    if metric not in found:
        return "| | | "
    before, after, held, _ = found[metric]
    return f"| {100 * before:.1f} | {100 * after:.1f} | {'' if math.isnan(held) else f'{100 * held:.0f}'} "


def text(folder: Path) -> str:
    """The table in Markdown, medians and what was missed below it."""
    found = list(rows(folder))
    lines = [
        "| set | TPOT shipped, % | calibrated | in range | TTFT shipped, % | calibrated | in range |",
        "| --- | --: | --: | --: | --: | --: | --: |",
    ]
    said = []
    for scored in (True, False):
        part = [one for one in found if one[0] is scored]
        lines.append(f"| **{'scored' if scored else 'chose widths'}** | | | | | | |")
        for _, key, one in part:
            lines.append(f"| {', '.join(key[1:])} ({key[0].split('_')[0]}) {_cells(one, 'tpot')}{_cells(one, 'ttft')}|")
        for metric, aim in (("tpot", 0.05), ("ttft", 0.15)):
            values = np.array([one[metric] for _, _, one in part if metric in one])
            before, after = np.median(values[:, :2], axis=0)
            met = int((values[:, 1] <= aim).sum())
            said.append(
                f"- {'Scored' if scored else 'Chose widths'}, {metric.upper()}: median of {len(values)} sets "
                f"{100 * before:.1f} to {100 * after:.1f} %, {met} within the {100 * aim:.0f} % aimed at, "
                f"{int((values[:, 1] > 1.1 * values[:, 0]).sum())} made worse by a tenth or more; ranges hold "
                f"{100 * np.nanmean(values[:, 2]):.0f} % of the rest."
            )
    return "\n".join([*lines, "", *said]) + "\n"


if __name__ == "__main__":
    print_or_put(text)
