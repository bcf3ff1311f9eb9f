"""`tokenroof compare`: what the page shows, files by ending, bad input in a line."""

import json
from pathlib import Path

import pytest

from tokenroof.cli.main import main

SWEEP = str(Path(__file__).parents[2] / "examples" / "results" / "sweep.csv")


def ran(*words: str, monkeypatch: pytest.MonkeyPatch, verb: str = "compare") -> int:
    monkeypatch.setattr("sys.argv", ["tokenroof", verb, *words])
    monkeypatch.setenv("COLUMNS", "100")
    with pytest.raises(SystemExit) as ended:
        main()
    code = ended.value.code
    assert isinstance(code, int)
    return code


def test_page_json_and_chart_have_the_same_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    chart, rows = tmp_path / "roofline.svg", tmp_path / "rows.csv"
    assert ran(SWEEP, "--full", "-o", str(chart), "-o", str(rows), monkeypatch=monkeypatch) == 0
    page = capsys.readouterr().out
    assert ran(SWEEP, "--json", monkeypatch=monkeypatch) == 0
    answer = json.loads(capsys.readouterr().out)
    worst = answer["runs"][0]
    found = answer["counts"]["as predicted"]
    start = (
        f"{found} of 16 runs have the TPOT that they should on this hardware. Furthest off is the run with "
        f"{worst['load_value']:g}"
    )
    assert 0 < found < 16
    assert " ".join(page.split()).startswith(start) and answer["sentence"].startswith(start)
    for part in worst["tpot_parts"]:
        assert part["name"] in page
    assert sum(part["time_s"] for part in worst["tpot_parts"]) == pytest.approx(worst["numbers"][0]["measured"])
    assert len(rows.read_text().splitlines()) == 1 + 32
    assert "on the roofline of one GPU" in chart.read_text()
    assert max(map(len, page.splitlines())) <= 100


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere.csv",), "nowhere.csv"),
        ((SWEEP, "--system", "8xh1000"), "8xh1000"),
        ((SWEEP, "--tp", "0"), "--tp"),
        ((SWEEP, "--profile", "nobody's"), "nobody's"),
        ((SWEEP, "-o", "x.pdf"), "x.pdf"),
        ((), "RESULT"),
    ],
)
def test_bad_input_is_told_in_a_line(
    words: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran(*words, monkeypatch=monkeypatch) == 2
    text = capsys.readouterr().err
    assert said in text and "Traceback" not in text and len(text.strip().splitlines()) <= 3


def test_what_calibrate_saved_other_verbs_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert ran(SWEEP, "--save", "my-h100", "--full", monkeypatch=monkeypatch, verb="calibrate") == 0
    page = capsys.readouterr().out
    assert page.startswith("Calibrated on 16 results; half of the results left out are predicted with TPOT within 1.")
    assert (tmp_path / "tokenroof" / "profiles" / "my-h100.toml").is_file()
    asked = ("llama-3.1-8b", "--system", "h100", "--concurrency", "16", "--json")
    found = []
    for name in ("auto", "my-h100"):
        assert ran(*asked, "--efficiency", name, monkeypatch=monkeypatch, verb="analyze") == 0
        found.append(json.loads(capsys.readouterr().out)["tpot_s"]["value"])
    assert found[1] - found[0] == pytest.approx(3.4e-3, rel=0.1)  # 3.5 ms a step, found to 3 %
    assert ran(SWEEP, "--efficiency", "my-h10", monkeypatch=monkeypatch) == 2
    assert "nearest: my-h100" in capsys.readouterr().err


def test_next_asks_for_runs_and_learns_from_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = (
        "llama-3.1-8b",
        "--system",
        "h100",
        "--isl",
        "1000",
        "--osl",
        "200",
        "--concurrency",
        "64",
        "--tpot",
        "18ms",
    )
    assert ran(*asked, monkeypatch=monkeypatch, verb="next") == 0
    page = capsys.readouterr().out
    assert "vllm bench serve --model" in page and "GPU-minutes should narrow the range" in " ".join(page.split())
    assert ran(*asked, "--results", SWEEP, monkeypatch=monkeypatch, verb="next") == 0
    page = capsys.readouterr().out
    assert page.startswith("No, with a probability of") and "What results said" in page
    assert ran(*asked[:-2], monkeypatch=monkeypatch, verb="next") == 2
    assert "--slo" in capsys.readouterr().err
