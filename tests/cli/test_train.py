"""`tokenroof train` as a process."""

from pathlib import Path

import pytest
from economics_process import answer_of, assert_charts, assert_one_line, run, run_inside


def test_the_page_has_both_answers_side_by_side() -> None:
    done = run("train", "deepseek-v3", "--tokens", "14.8e12", "--system", "2048xh800", "--mfu", "0.33",
               "--price-per-gpu-hour", "2", "--full")  # fmt: skip
    assert done.returncode == 0, done.stderr
    for words in ("split 1:1:1", "least cost", "without serving", "overtraining", "1F1B", "ZB-H1", "the run",
                  "reversible layers", "$5,5"):  # fmt: skip
        assert words in done.stdout, words
    assert "law is of dense models" in done.stdout and done.stderr == ""
    assert done.stdout.startswith("At loss ")
    assert "\x1b[" not in done.stdout


def test_json_of_the_lecture_s_example() -> None:
    answer = answer_of("train")
    assert answer["equal"]["overtraining"] == pytest.approx(129.6)
    assert answer["optimum"]["split_over_optimum"] >= 1
    assert answer["activations"] is None
    assert answer["bills"] == []


def test_quantities_carry_units() -> None:
    one = answer_of("train", "--active", "100e9", "--inference-tokens", "2e14")
    same = answer_of("train", "--active", "100 Gparam", "--inference-tokens", "200 Ttoken")
    assert one == same


def test_charts(tmp_path: Path) -> None:
    assert_charts(tmp_path, ["train", "deepseek-v3"], "optimum: ", "ZB-H1", "reversible layers")


@pytest.mark.parametrize(
    ("arguments", "needle"),
    [
        (("--active", "0"), "active"),
        (("--active", "many"), "number"),
        (("--inefficiency", "0.1"), "inefficiency"),
        (("--rl-flops", "1"), "rl_flops"),
        (("--split", "1:1"), "PRE:RL:SERVING"),
        (("--split", "0:1:1"), "split"),
        (("--loss", "1.5"), "loss"),
        (("--loss", "nan"), "loss"),
        (("--fit", "guess"), "guess"),
        (("--days", "-3"), "days"),
        (("--inference-tokens", "1e12", "--tokens-per-s", "5"), "tokens_per_s"),
        (("--system", "h1000"), "h100"),
        (("--system", "8xh100", "--arithmetic", "fp4"), "fp4"),
        (("--stages", "0"), "stages"),
        (("--layers", "0", "--hidden", "8"), "layers"),
        (("-o", "x.doc"), "output"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(arguments: tuple[str, ...], needle: str) -> None:
    assert_one_line(run_inside("train", *arguments), needle)


def test_help_and_unknown_model() -> None:
    assert_one_line(run_inside("train", "lama"), 'no model "lama"')
    assert "tokenroof train --active 100e9" in run("train", "--help").stdout
