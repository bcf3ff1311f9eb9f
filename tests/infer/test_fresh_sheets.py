"""Sheets, host medians and speeds of a set that forms were developed on: no line is fitted to its rows.

Each lab is left out of lines, priors and mark-up.
"""

import csv
from pathlib import Path

import pytest

from tokenroof.catalog.offers.history import lives_on_models, released
from tokenroof.infer.cases import Case, architecture_of, open_cases, truth_of
from tokenroof.infer.evidence import Evidence
from tokenroof.infer.labs import is_product
from tokenroof.infer.population import years
from tokenroof.infer.report import CoverageGroup, group_of
from tokenroof.infer.validate import fold_without, held_out
from tokenroof.usecases.deduce.held import HELD

_MTOK = 1e6
# month of release where the price history does not have the model
RELEASED = {
    "qwen3-0.6b": "2025-04", "qwen3-1.7b": "2025-04", "ernie-4.5-300b-a47b": "2025-06", "olmo-3.1-32b": "2025-12",
    "deepseek-r1-distill-qwen-32b": "2025-01", "longcat-flash": "2025-09", "llama-3.3-nemotron-super-49b": "2025-03",
}  # fmt: skip
PRICED = {"market": 2026.5, "artificial-analysis": 2026.23}  # a lab's own sheet: as the model came out


def _case(row: dict[str, str]) -> Case:
    truth = truth_of(row["model"])
    assert truth is not None, row["model"]

    def usd(name: str) -> float | None:
        return float(row[name]) / _MTOK if row[name] else None

    group = row["group"].split()[0]
    day = years(released().get(row["model"]) or RELEASED[row["model"]])
    evidence = Evidence(
        offer=f"{group} {row['offer']}", kind=row["kind"], input_usd_per_token=float(row["usd_in"]) / _MTOK,
        output_usd_per_token=float(row["usd_out"]) / _MTOK, cached_usd_per_token=usd("usd_cached"),
        floor_usd_per_token=usd("usd_p10_in"), floor_hosts=int(row["hosts"]) if row["hosts"] else None,
        tokens_per_s=float(row["tok_s"]) if row["tok_s"] else None, priced=max(PRICED.get(group, day), day),
        released=day, product=lives_on_models(row["lab"]) if group == "first-party" else is_product(row["model"]),
    )  # fmt: skip
    name = architecture_of(row["lab"], row["model"], truth)
    return Case(evidence=evidence, model=row["model"], lab=row["lab"], truth=truth, architecture=name)


@pytest.fixture(scope="module")
def fresh(shared_data: Path) -> dict[str, CoverageGroup]:
    """Each source of sheets, and all of them."""
    with (shared_data / "prices" / "fresh_offers_dev.csv").open(encoding="utf-8", newline="") as file:
        cases = [_case(row) for row in csv.DictReader(file)]
    without = fold_without(open_cases()[0])
    outcomes, levels = held_out(cases, lambda case: without(case.lab), candidates=False)
    whole = [o for o in outcomes if o.evidence == "all"]
    groups = ("first-party", "market", "artificial-analysis", "")
    return {group: group_of(group, [o for o in whole if o.offer.startswith(group)], levels) for group in groups}


@pytest.mark.parametrize(
    ("group", "n", "total", "active", "cache", "region"),
    [
        ("first-party", 19, 0.83, 0.83, 0.83, 0.83),
        ("market", 16, 0.87, 0.80, 0.80, 0.80),
        ("artificial-analysis", 28, 0.72, 0.68, 0.88, 0.79),
    ],
)
def test_the_page_says_what_intervals_hold_on_these_sheets(
    fresh: dict[str, CoverageGroup], group: str, n: int, total: float, active: float, cache: float, region: float
) -> None:
    rows = {row.unknown: row for row in fresh[group].rows}
    one = 1.1 / n  # a single sheet may fall on the other side of its interval
    assert rows["total_params"].n == n
    for name, stated in (("total_params", total), ("active_params", active), ("kv_bytes_per_token", cache)):
        assert rows[name].coverage80 == pytest.approx(stated, abs=one), name
    assert fresh[group].region80 == pytest.approx(region, abs=one)


def test_the_answer_carries_the_same(fresh: dict[str, CoverageGroup]) -> None:
    """All groups together, each architecture once, as the page of every deduction has them."""
    held, rows = HELD[-1], {row.unknown: row for row in fresh[""].rows}
    assert held.sheets == rows["total_params"].n == 63
    for name in ("total_params", "active_params", "kv_bytes_per_token"):
        assert getattr(held, name) == pytest.approx(rows[name].coverage80, abs=0.025), name
    assert held.region == pytest.approx(fresh[""].region80, abs=0.025)
