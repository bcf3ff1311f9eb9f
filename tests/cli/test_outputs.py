"""`-o FILE` of the money verbs: the page's table as CSV, the response as JSON, the chart."""

import csv
import json
from pathlib import Path

import pytest
from economics_process import assert_one_line, run_inside

CASES = {
    "price": (("llama-3.1-8b", "--system", "h100"), "frontier", "output_usd_per_mtok"),
    "break-even": (
        ("llama-3.3-70b", "--system", "8xh100", "--offer", "market/llama-3.3-70b", "--tp", "8"), "mixes", "duty_cycle",
    ),
    "speculate": (("llama-3.1-8b", "--system", "h100", "--depth", "1", "--depth", "2"), "rows", "speedup"),
    "train": (("llama-3.1-405b",), "bubbles", "idle"),
}  # fmt: skip


@pytest.mark.parametrize("verb", CASES)
def test_csv_holds_the_rows_of_the_json(verb: str, tmp_path: Path) -> None:
    arguments, table, column = CASES[verb]
    text, sheet, chart = (tmp_path / name for name in ("a.json", "a.csv", "a.svg"))
    done = run_inside(
        verb, *arguments, *(part for path in (text, sheet, chart) for part in ("-o", str(path))), "--json"
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(text.read_text(), parse_constant=lambda name: pytest.fail(f"{name} in JSON"))
    assert answer == json.loads(done.stdout)
    rows = answer[table]
    if verb == "speculate":
        rows = [point for row in rows for point in row["points"]]
    with sheet.open(newline="") as lines:
        found = list(csv.DictReader(lines))
    assert [row[column] for row in found] == ["" if row[column] is None else str(row[column]) for row in rows]
    assert found
    assert chart.read_text().lstrip().startswith("<?xml")
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("verb", CASES)
def test_files_that_cannot_be_written_are_refused_before_anything_is_computed(verb: str, tmp_path: Path) -> None:
    arguments, _, _ = CASES[verb]
    assert_one_line(run_inside(verb, *arguments, "-o", str(tmp_path / "a.xls")), "output", ".csv, .json")
    assert_one_line(run_inside(verb, *arguments, "-o", str(tmp_path / "no" / "a.csv")), "directory that exists")


@pytest.mark.parametrize("ending", ["csv", "json", "md", "txt", "html"])
def test_a_difference_is_written_by_ending(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"d.{ending}"
    done = run_inside("diff", "llama-3.1-8b@h100", "llama-3.1-8b@b200", "--batch", "8", "-o", str(path))
    assert done.returncode == 0 and done.stderr == f"written to {path}\n"
    text = path.read_text(encoding="utf-8")
    assert ("number,unit,a,b,ratio" if ending == "csv" else "b200") in text
    assert done.stdout.startswith("B serves a user")


def test_a_difference_has_no_chart(tmp_path: Path) -> None:
    done = run_inside("diff", "llama-3.1-8b@h100", "llama-3.1-8b@b200", "-o", str(tmp_path / "d.svg"))
    assert done.returncode == 2 and "a file ending in .csv, .json, .parquet, .md, .txt, .html" in done.stderr


SWEEP = str(Path(__file__).parents[2] / "examples" / "results" / "sweep.csv")
PRICES = ("deduce", "google/gemini-3.1-pro-preview")


@pytest.mark.parametrize(
    ("arguments", "option", "name", "written"),
    [
        (("validate", SWEEP), "-o", "a.svg", "ending in .csv"), (("validate", SWEEP), "-o", "a", "ending in .csv"),
        (("validate", SWEEP), "--plot", "a.csv", "ending in .svg, .png, .html"),
        (("models",), "--plot", "a.csv", "ending in .svg, .png, .html"),
        (("import", "llama-3.1-8b"), "--save", "a.svg", "ending in .json"),
        (("calibrate", SWEEP), "--save", "a.svg", "ending in .toml"),
        (("offers",), "-o", "a.svg", "a .toml file, or a folder"), (("fit", "--ops", "."), "-o", "a.json", "a folder"),
        ((*PRICES,), "-o", "a.pdf", "ending in .csv, .json, .svg, .png, .html"),
        (("deduce", "--validate"), "-o", "a.csv", "ending in .json"),
        (("plan", "llama-3.1-8b", "--system", "h100"), "-o", "a.doc", ".html, .md, .txt"),
    ],
)  # fmt: skip
def test_an_ending_that_is_not_written_is_refused_first(
    tmp_path: Path, arguments: tuple[str, ...], option: str, name: str, written: str
) -> None:
    """`validate -o x.svg` wrote CSV under that name."""
    where = str(tmp_path / name) if arguments[0] != "calibrate" else name
    assert_one_line(run_inside(*arguments, option, where), option.strip("-"), written)
    assert not list(tmp_path.iterdir())
