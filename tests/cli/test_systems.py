"""The verbs chips, chip, systems and tiers."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tokenroof.cli import chip, chips, systems, tiers
from tokenroof.errors import InputError, TokenroofError, UnknownName


def run(module: Any, *arguments: str) -> Result:
    return CliRunner().invoke(module.command, list(arguments))


def data(module: Any, *arguments: str) -> Any:
    result = run(module, *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_chips_hides_announced_parts_until_asked() -> None:
    ids = {row["id"] for row in data(chips)["chips"]}
    every = {row["id"] for row in data(chips, "--announced")["chips"]}
    assert {"h100", "mi355x", "v7"} <= ids and "rubin" not in ids
    assert every - ids == {"rubin", "mi455x", "tpu-8t", "tpu-8i", "ascend-950dt"}


def test_rho_and_drain_of_the_lecture() -> None:
    rows = {row["id"]: row for row in data(chips, "--announced")["chips"]}
    # drain = label over bandwidth, ms; rho = bf16 FLOP/s over bandwidth (two bytes, two FLOP)
    expected = {"h100": (295.3, 23.9), "a100": (153.0, 39.2), "b200": (281.2, 22.5), "rubin": (181.8, 13.1),
                "v5e": (240.5, 19.5), "mi300x": (246.7, 36.2), "h20": (37.0, 24.0)}  # fmt: skip
    for chip_id, (rho, drain_ms) in expected.items():
        assert rows[chip_id]["ridge"] == pytest.approx(rho, abs=0.06)
        assert rows[chip_id]["drain_s"] * 1e3 == pytest.approx(drain_ms, abs=0.06)
    # GB300 runs fp4 at three times fp8: 469; Rubin at 35 PFLOP/s: 398
    assert rows["gb300"]["ridge_by_rate"]["fp4"] == pytest.approx(468.75)
    assert rows["rubin"]["ridge_by_rate"]["fp4"] == pytest.approx(397.7, abs=0.1)
    assert rows["grace"]["ridge"] is None and rows["apple-m5-max"]["ridge"] == pytest.approx(119.9, abs=0.1)


@pytest.mark.parametrize("sort", ["bandwidth", "memory", "bf16", "ridge", "drain", "price", "year"])
def test_sorting_puts_the_largest_first(sort: str) -> None:
    keys = {"bandwidth": "bytes_per_s", "memory": "memory_bytes", "bf16": "bf16_flops_per_s", "ridge": "ridge",
            "drain": "drain_s", "year": "year"}  # fmt: skip
    rows = data(chips, "--sort", sort)["chips"]
    values = [
        row["rental"] and row["rental"]["median_usd_per_h"] if sort == "price" else row[keys[sort]] for row in rows
    ]
    known = [value for value in values if value is not None]
    assert known == sorted(known, reverse=True) and values[: len(known)] == known


def test_a_list_begins_with_a_sentence_and_its_first_screen_says_what_is_left() -> None:
    result = run(chips, "--vendor", "amd")
    assert result.stdout.startswith("6 chips, of which 2 have a recorded rent: $1.95 (mi325x) to $2.72 (mi300x)")
    assert result.stderr == ""
    first, full = run(chips).stdout, run(chips, "--full").stdout
    rows = data(chips)["chips"]
    hidden = [row["id"] for row in rows if f"  {row['id']} " not in first]
    assert f"and {len(hidden)} more: --full" in first and hidden
    assert all(f"  {row['id']} " in full for row in rows)


def test_chip_shows_every_figure_with_its_source() -> None:
    view = data(chip, "b200")
    figures = {figure["key"]: figure for figure in view["figures"]}
    bandwidth = figures["bytes_per_s"]
    assert bandwidth["value"] == 8e12 and "ml-engineering" in bandwidth["source"] and "7.7" in bandwidth["note"]
    assert all(f["source"] and f["as_of"] and f["grade"] for f in figures.values())
    assert view["achievable_share"]["bf16"] == pytest.approx(0.776, abs=5e-4)
    assert view["flops_per_byte"]["fp4"] == pytest.approx(1125) and view["ridge"]["fp4"] == pytest.approx(281.25)
    assert len(view["rental"]["offers"]) == 8 and view["doubts"] == []
    text = run(chip, "b200", "--full").stdout
    assert "7.7 TB/s" in text and "CoreWeave" in text and "22.5 ms" in text


def test_chip_without_rates_says_so() -> None:
    assert "no arithmetic rate is known" in run(chip, "grace").stdout


def test_systems_list_and_order() -> None:
    rows = data(systems, "--announced", "--sort", "bandwidth")["systems"]
    bandwidths = [row["bytes_per_s"] for row in rows]
    assert bandwidths == sorted(bandwidths, reverse=True)
    assert all(row["n_chips"] > 1 for row in rows)
    assert {"gb200-nvl72", "rubin-nvl72", "8xh100", "v5e-16"} <= {row["id"] for row in rows}
    assert "h100" in {row["id"] for row in data(systems, "--single")["systems"]}


def test_one_system() -> None:
    view = data(systems, "2xgb200-nvl72")
    assert view["row"]["n_chips"] == 144 and view["row"]["fp4_flops_per_s"] == 1.44e18
    assert view["usd_per_h"]["high_usd_per_h"] == pytest.approx(10.5 * 144)
    assert "264 kW" in run(systems, "2xgb200-nvl72").stdout


def test_own_system_file(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(
        'id = "own"\nname = "Own"\nchip = "a100"\n[defaults]\nsource = "me"\nas_of = "2026-11-01"\n'
        '[size]\nn_chips = 4\n[links]\nscaleout = "10 Gbit/s"\n'
    )
    result = run(systems, str(path))
    assert (
        result.exit_code == 0
        and "Own is 4 chips in 1 scale-up domain of 4" in result.stdout
        and "1.25 GB/s" in result.stdout
    )


def test_tiers() -> None:
    rows = {row["id"]: row for row in data(tiers, "--chip", "h200")["tiers"]}
    assert rows["hbm-h200"]["drain_s"] == pytest.approx(0.0313, abs=1e-4)  # on what a process sees
    assert rows["disk"]["drain_s"] / 3600 == pytest.approx(23.4, abs=0.05)
    assert rows["object"]["capacity_bytes"] is None
    text = run(tiers, "--sources").stdout
    assert "assumed" in text and "Exos X24" in text


@pytest.mark.parametrize("ending", ["svg", "png", "html"])
def test_plot(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"chips.{ending}"
    assert run(chips, "--announced", "--plot", str(path)).exit_code == 0
    content = path.read_bytes()
    assert content.startswith({"svg": b"<?xml", "png": b"\x89PNG", "html": b"<!doctype html>"}[ending])
    if ending != "png":
        text = content.decode("utf-8")
        assert "about 300" in text and "20 ms" in text and "B200 SXM (HGX)" in text


def test_plot_shows_what_the_table_says() -> None:
    from tokenroof.present.charts.machines import charted, figure_of
    from tokenroof.usecases.listing.machines import list_chips

    rows = list_chips(announced=True)
    shown = charted(rows)
    figure = figure_of(rows)
    rho, drain = figure.axes
    marks = [line for line in drain.lines if len(line.get_xdata()) == 1]
    assert [float(line.get_xdata()[0]) for line in marks] == pytest.approx([row.drain_s * 1e3 for row in shown])
    low, high = drain.get_xlim()
    assert all(low < float(line.get_xdata()[0]) < high for line in marks)
    near = sum(300 / 1.2 <= row.ridge <= 360 for row in shown if row.ridge is not None)
    assert any(f"{near} of" in text.get_text() for text in rho.texts)
    assert all(math.isfinite(value) for row in shown for value in row.ridge_by_rate.values())


@pytest.mark.parametrize(
    ("module", "arguments", "error"),
    [
        (chip, ["h300"], UnknownName),
        (systems, ["8xh10"], UnknownName),
        (systems, ["absent.toml"], InputError),
        (tiers, ["--chip", "gaudi2"], TokenroofError),
        (chips, ["--vendor", "acme"], InputError),
        (chips, ["--plot", "chips.pdf"], InputError),
        (chips, ["--vendor", "apple", "--plot", "chips.svg"], InputError),
    ],
)
def test_bad_input_is_one_error(module: Any, arguments: list[str], error: type[Exception]) -> None:
    result = run(module, *arguments)
    assert isinstance(result.exception, error), result.output
    assert "\n" not in str(result.exception)
