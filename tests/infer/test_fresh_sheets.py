"""Sheets and host medians that no line was fitted to: what deduction is worth beyond its own snapshot.

Each lab is left out of the lines as well, where the snapshot sells anything of it.
"""

import csv
from pathlib import Path

import numpy as np
import pytest

from tokenroof.infer.calibration import leave_out
from tokenroof.infer.cases import Case, open_cases, truth_of
from tokenroof.infer.evidence import Evidence
from tokenroof.infer.validate import Coverage, coverage, held_out
from tokenroof.usecases.deduce.held import HELD

_MTOK = 1e6


def _case(row: dict[str, str]) -> Case:
    truth = truth_of(row["model"])
    assert truth is not None, row["model"]

    def usd(name: str) -> float | None:
        return float(row[name]) / _MTOK if row[name] else None

    evidence = Evidence(
        offer=row["offer"], kind=row["kind"], input_usd_per_token=float(row["usd_in"]) / _MTOK,
        output_usd_per_token=float(row["usd_out"]) / _MTOK, cached_usd_per_token=usd("usd_cached"),
        floor_usd_per_token=usd("usd_p10_in"), floor_hosts=int(row["hosts"]) if row["hosts"] else None,
    )  # fmt: skip
    return Case(evidence=evidence, model=row["model"], lab=row["lab"], truth=truth)


@pytest.fixture(scope="module")
def fresh(shared_data: Path) -> dict[str, tuple[dict[str, Coverage], float]]:
    """Coverage of the joint posterior by unknown, and of its region, for each source of sheets."""
    with (shared_data / "prices" / "fresh_offers_dev.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    without = leave_out(open_cases()[0])
    found = {}
    for group in dict.fromkeys(row["group"].split()[0] for row in rows):
        outcomes, levels = held_out([_case(row) for row in rows if row["group"].startswith(group)], without)
        joint = {c.unknown: c for c in coverage(outcomes) if c.evidence == "all"}
        found[group] = joint, float(np.mean([level <= 0.8 for level in levels.values()]))
    return found


@pytest.mark.parametrize(
    ("group", "n", "total", "active", "cache", "region"),
    [
        ("first-party", 19, 0.53, 0.84, 0.95, 0.74),
        ("market", 16, 0.88, 0.88, 0.75, 0.81),
        ("artificial-analysis", 28, 0.79, 0.82, 0.79, 0.71),
    ],
)
def test_the_page_says_what_intervals_hold_on_fresh_sheets(
    fresh: dict[str, tuple[dict[str, Coverage], float]],
    group: str, n: int, total: float, active: float, cache: float, region: float,
) -> None:  # fmt: skip
    """Nominal is 0.80: total parameters of first-party sheets, and joint regions, are held too seldom."""
    joint, held = fresh[group]
    one = 1.0 / n  # a single sheet may fall on the other side of its interval
    assert joint["total_params"].n == n
    for name, stated in (("total_params", total), ("active_params", active), ("kv_bytes_per_token", cache)):
        assert joint[name].coverage80 == pytest.approx(stated, abs=1.1 * one), name
    assert held == pytest.approx(region, abs=1.1 * one)


def test_the_answer_carries_the_same(fresh: dict[str, tuple[dict[str, Coverage], float]]) -> None:
    """All groups together, as the page of every deduction has them."""
    held = HELD[1]
    sheets = {group: joint["total_params"].n for group, (joint, _) in fresh.items()}
    assert held.sheets == sum(sheets.values()) == 63
    for name in ("total_params", "active_params", "kv_bytes_per_token"):
        inside = sum(n * fresh[group][0][name].coverage80 for group, n in sheets.items())
        assert getattr(held, name) == pytest.approx(inside / 63, abs=1.1 / 63), name
    region = sum(n * fresh[group][1] for group, n in sheets.items())
    assert held.region == pytest.approx(region / 63, abs=1.1 / 63)
