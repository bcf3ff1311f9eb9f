"""`tokenroof trace` as a process."""

import csv
import json
from pathlib import Path

import pytest
from economics_process import assert_charts, assert_one_line, run, run_inside

AZURE = "TIMESTAMP,ContextTokens,GeneratedTokens\n" + "".join(
    f"2023-11-16 18:{k // 60:02d}:{k % 60:02d}.5000000,{100 + k},{10 + k % 7}\n" for k in range(0, 300, 2)
)


@pytest.fixture
def azure(tmp_path: Path) -> str:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "azure.csv").write_text(AZURE, encoding="utf-8")
    return str(folder / "azure.csv")


def test_the_page_starts_with_the_answer(azure: str) -> None:
    done = run("trace", azure)
    assert done.returncode == 0, done.stderr
    first = done.stdout.splitlines()[0]
    assert first.startswith("150 requests in 4.97 min: 0.500 requests/s, steadier than Poisson arrivals")
    for words in ("index of dispersion", "p99", "Trace", "format Azure", "Next"):
        assert words in done.stdout, words
    assert max(map(len, done.stdout.splitlines())) <= 100


def test_json_and_table_have_the_windows(azure: str, tmp_path: Path) -> None:
    done = run_inside("trace", azure, "--json", "-o", str(tmp_path / "a.csv"))
    answer = json.loads(done.stdout, parse_constant=lambda text: pytest.fail(f"{text} in JSON"))
    assert (answer["requests"], answer["format"], answer["prefixes"]) == (150, "Azure", None)
    with (tmp_path / "a.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert sum(int(row["requests"]) for row in rows) == 150
    assert len(rows) == len(answer["windows"])


def test_charts(azure: str, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    assert_charts(folder, ["trace", azure], "Requests per second", "input, mean 249", "output, mean 13")


@pytest.mark.parametrize(
    ("arguments", "needles"),
    [
        (("--cache", "64GiB"), ("--model", "cache")),
        (("--cache", "64G", "--model", "llama-3.3-70b"), ("--cache", "64GiB")),
        (("--cache", "64GiB", "--model", "llama-3.3-70b"), ("--cache", "no ids of prompt blocks")),
        (("--cache", "64GiB", "--model", "llama-99"), ("llama-99",)),
        (("--columns", "isl=in"), ("--columns", "arrival=NAME")),
        (("--columns", "isl=in,osl=out"), ("no column 'in'",)),
        (("-o", "x.gif"), ("output",)),
        (("--kv-dtype", "fp8"), ("--kv-dtype", "with a model")),
        (("--scale", "0"), ("--scale",)),
        (("--start", "10min", "--end", "600"), ("--end", "later than the start")),
        (("--start", "1h"), ("--start", "which lasts 298 s")),
    ],
)
def test_bad_input_is_one_line(azure: str, arguments: tuple[str, ...], needles: tuple[str, ...]) -> None:
    assert_one_line(run_inside("trace", azure, *arguments), *needles)


def test_a_bad_row_is_one_line_with_its_number_and_can_be_skipped(azure: str) -> None:
    path = Path(azure)
    path.write_text(AZURE.replace(",102,", ",none,"), encoding="utf-8")
    assert_one_line(run_inside("trace", azure), "azure.csv:3:", "ContextTokens = 'none'", "--skip-bad")
    done = run_inside("trace", azure, "--skip-bad")
    assert done.returncode == 0
    assert "warning: 1 row left out" in done.stdout
    assert_one_line(run_inside("trace", azure + ".absent"), "FILE")
