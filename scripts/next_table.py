"""The table of docs/next.md: runs that `next` asks for against random runs of equal cost, on public sweeps.

.venv/bin/python scripts/next_table.py FOLDER [-o docs/next.md]

Ten sets, the first ten in order of name that have TPOT and TTFT at 24 runs or more. The question is the TPOT of the run
in the middle of the order of layout, lengths and load; it is never measured. Three of the other runs are chosen before
any is looked at; then they are measured, and the range is what it is. Random: 40 draws
of runs whose cost together is no more. Cost is GPUs times the time of four waves at predicted rates, and a minute.
"""

import math
import random
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import numpy as np
from calibration_table import sets
from table_page import print_or_put

from tokenroof.catalog.efficiency import load_profile
from tokenroof.measure.calibrate import Problem
from tokenroof.measure.design import Belief, believed
from tokenroof.usecases.calibrate.run import observed
from tokenroof.usecases.compare.points import Point

RUNS, DRAWS, SETS, FEWEST = 3, 40, 10, 24
Z80 = 1.2815515655446004


def minutes(point: Point, mean: dict[tuple[int, str], float], at: int) -> float:
    """GPU-minutes of a run of four waves, by prediction."""
    one = point.setup
    stay_s = math.exp(mean[at, "ttft"]) + (one.workload.osl - 1.0) * math.exp(mean[at, "tpot"])
    return one.system.n_chips * (4.0 * stay_s + 60.0) / 60.0


def chosen(belief: Belief, answer: np.ndarray, rows: list[list[int]], costs: list[float]) -> list[int]:
    """Runs in the order in which `next` takes them."""
    left, found = list(rows), []
    for _ in range(RUNS):
        place = belief.best(answer, left, costs)
        if place is None:
            break
        found.append(place)
        belief = belief.after(rows[place])
        left[place] = []
    return found


def drawn(rng: random.Random, costs: list[float], most: float, free: Sequence[int]) -> list[int]:
    """Random runs, as many as the cost allows."""
    order, found, spent = list(free), [], 0.0
    rng.shuffle(order)
    for place in order:
        if spent + costs[place] <= most:
            found.append(place)
            spent += costs[place]
    return found


def after(belief: Belief, answer: np.ndarray, rows: list[list[int]], logs: np.ndarray, places: list[int], truth: float):
    """(factor of the range, absolute error as a share, inside) once these runs are measured."""
    flat = [row for place in places for row in rows[place]]
    now = belief.after(flat, logs[flat]) if flat else belief
    off = float(answer @ now.mean) - truth
    width = Z80 * now.sd(answer)
    return math.exp(width), abs(math.expm1(off)), abs(off) <= width


def row(key: tuple[str, ...], points: list[Point]) -> tuple[str, ...]:
    """One scenario."""
    problem = Problem.of(observed(points))
    first = points[0].setup
    profile = load_profile(first.system.chip, first.engine, first.scheduler.version, experts=first.model.has_experts)
    belief = believed(problem, profile)
    place = {(int(case.set), case.quantity): at for at, case in enumerate(problem.cases)}
    mean = {name: float(belief.mean[at]) for name, at in place.items()}
    logs = np.log([case.value for case in problem.cases])
    target = len(points) // 2
    answer = np.zeros(len(logs))
    answer[place[target, "tpot"]] = 1.0
    rows = [[place[at, "tpot"], place[at, "ttft"]] if at != target else [] for at in range(len(points))]
    costs = [minutes(point, mean, at) for at, point in enumerate(points)]
    truth = float(logs[place[target, "tpot"]])
    before = after(belief, answer, rows, logs, [], truth)
    asked = chosen(belief, answer, rows, costs)
    mine = after(belief, answer, rows, logs, asked, truth)
    spent = sum(costs[at] for at in asked)
    rng = random.Random(0)
    free = [at for at in range(len(points)) if at != target]
    others = [after(belief, answer, rows, logs, drawn(rng, costs, spent, free), truth) for _ in range(DRAWS)]
    beaten = sum(mine[0] < one[0] for one in others) / DRAWS
    return (
        ", ".join(key[1:]), f"{before[0]:.2f}", f"{mine[0]:.2f}", f"{median(one[0] for one in others):.2f}",
        f"{100 * beaten:.0f}", f"{spent:.0f}", f"{100 * before[1]:.1f}", f"{100 * mine[1]:.1f}",
        f"{100 * median(one[1] for one in others):.1f}", "yes" if mine[2] else "no",
    )  # fmt: skip


def text(folder: Path) -> str:
    """The table in Markdown."""
    wanted = []
    for key, points in sets(folder).items():
        whole = [one for one in points if {"tpot", "ttft"} <= one.runs.keys() and one.setup.load.kind == "concurrency"]
        if len(whole) >= FEWEST and len(wanted) < SETS:
            wanted.append((key, whole))
    found = [row(key, points) for key, points in wanted]
    heads = (
        "scenario", "range as shipped", "after `next`", "after random", "draws beaten, %", "GPU-minutes",
        "error as shipped, %", "after `next`", "after random", "in the range",
    )  # fmt: skip
    lines = ["| " + " | ".join(heads) + " |", "| --- |" + " --: |" * (len(heads) - 1)]
    lines += ["| " + " | ".join(one) + " |" for one in found]
    narrower = sum(float(one[2]) < float(one[3]) for one in found)
    inside = sum(one[-1] == "yes" for one in found)
    lines += ["", f"Narrower than the median draw in {narrower} of {len(found)}; in the range in {inside}."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print_or_put(text)
