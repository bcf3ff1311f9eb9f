"""`tokenroof price` as a process: the page, JSON, charts, exit codes, one line for every kind of bad input."""

from pathlib import Path

import pytest
from economics_process import answer_of, assert_charts, assert_one_line, run, run_inside

BASE = ("price", "llama-3.1-8b", "--system", "h100", "--price-per-gpu-hour", "2")


def test_the_page_answers_every_question() -> None:
    done = run(*BASE, "--pair", "6x,2.5x", "--traffic", "diurnal", "--sell", "0.05,0.4", "--full")
    assert done.returncode == 0, done.stderr
    for words in ("costs you $", "Cost of tokens", "80 % range", "blended", "all on output", "Faster costs more",
                  "6x the price", "verdict", "Longer prompts cost more", "128K", "A cached token", "Defaults",
                  "duty cycle", "Served", "margin", "flops", "peak to off-peak", "bend",
                  "cheapest by time"):  # fmt: skip
        assert words in done.stdout, words
    assert done.stdout.index("costs you $") < 80
    assert "tpot 50 ms" in done.stdout
    assert "\x1b[" not in done.stdout


def test_json_is_strict_and_agrees_with_itself() -> None:
    answer = answer_of(*BASE, "--pair", "6x,2.5x")
    assert answer["economics"]["machine"]["kind"] == "rented"
    assert answer["pair"]["batch_ratio"] == 15
    assert answer["frontier"][0]["tokens_per_s_per_user"] < answer["frontier"][-1]["tokens_per_s_per_user"]
    assert answer["fast"][0]["price_ratio"] == 1
    assert answer["cache"]["ladder"][-1]["to_s"] is None


def test_owning() -> None:
    own = answer_of("price", "llama-3.1-8b", "--system", "h100", "--capex-per-gpu", "35000", "--duty-cycle", "0.5")
    assert own["economics"]["machine"]["kind"] == "owned"
    assert 0 < own["economics"]["machine"]["own_from_duty"] < 1
    page = run("price", "llama-3.1-8b", "--system", "h100", "--owner", "hyperscaler", "--full")
    assert "own or rent" in page.stdout


def test_a_tpot_has_its_unit_and_is_kept() -> None:
    assert answer_of(*BASE, "--tpot", "20ms")["economics"]["tpot_s"]["value"] <= 0.02
    assert_one_line(run_inside(*BASE, "--tpot", "20"), "tpot", "20ms")


def test_a_csv_of_hourly_loads_gives_the_duty_cycle(tmp_path: Path) -> None:
    path = tmp_path / "day.csv"
    path.write_text("hour,load\n0,1\n1,3\n", encoding="utf-8")
    answer = answer_of(*BASE, "--traffic", str(path))
    assert answer["economics"]["duty_cycle"] == pytest.approx(2 / 3)


def test_charts(tmp_path: Path) -> None:
    assert_charts(tmp_path, [*BASE, "--pair", "6x,2.5x"], "fewer requests at once", "recompute", "pair: 6x price")


def test_no_room_exits_1_with_a_fix() -> None:
    done = run("price", "deepseek-v3", "--system", "4xh100")
    assert done.returncode == 1
    assert "GB" in done.stdout
    assert "--system" in done.stdout
    tight = run(*BASE, "--tpot", "0.01ms", "--json")
    assert tight.returncode == 1
    assert '"fixes"' in tight.stdout


@pytest.mark.parametrize(
    ("arguments", "needle"),
    [
        (("--tpot", "0"), "tpot"),
        (("--tpot", "fast"), "number"),
        (("--isl", "-5"), "isl"),
        (("--isl", "4GB"), "isl"),
        (("--prefix", "5000"), "prefix"),
        (("--duty-cycle", "2"), "duty_cycle"),
        (("--duty-cycle", "nan"), "duty_cycle"),
        (("--duty-cycle", "0.5", "--traffic", "flat"), "duty_cycle"),
        (("--traffic", "nowhere.csv"), "nowhere.csv"),
        (("--pair", "6x"), "pair"),
        (("--pair", "1x,1x"), "pair"),
        (("--speed", "0.2"), "speed"),
        (("--hold", "soon"), "a number of seconds"),
        (("--blend", "3"), "IN:OUT"),
        (("--sell", "a,b"), "IN,OUT"),
        (("--allocation", "magic"), "magic"),
        (("--engine", "vlm"), "vlm"),
        (("--tp", "3"), "tp"),
        (("--offer", "nobody/nothing"), "nobody/nothing"),
        (("--capex-per-gpu", "1000"), "price"),
        (("--pue", "1.5"), "given with --capex-per-gpu: it is of owned machines"),
        (("--capex-per-gpu", "nan"), "--capex-per-gpu nan must be a number of dollars"),
        (("--capex-per-gpu", "3e4", "--owner", "retail"), "left out beside --capex-per-gpu"),
        (("--explain", "profit"), "usd_per_mtok_output"),
        (("--step-at", "100M"), "step_at"),
        (("-o", "chart.bmp"), "output"),
        (("-o", "/nowhere/chart.svg"), "output"),
        (("--weight-dtype", "fp3"), "fp3"),
        (("--concurrency", "0"), "concurrency"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(arguments: tuple[str, ...], needle: str) -> None:
    assert_one_line(run_inside(*BASE, *arguments), needle)


def test_missing_and_unknown_names() -> None:
    assert_one_line(run_inside("price", "llama-3.1-8b"), "--system")
    assert_one_line(run_inside("price", "lama-3.1-8b", "--system", "h100"), "llama-3.1-8b")
    assert_one_line(run_inside("price", "llama-3.1-8b", "--system", "h1000"), "h100")
    assert_one_line(run_inside("price", "llama-3.1-8b", "--system", "gaudi2"), "rental price")


def test_help_has_an_example() -> None:
    done = run("price", "--help")
    assert done.returncode == 0
    assert "tokenroof price deepseek-v3 --system gb200-nvl72" in done.stdout
