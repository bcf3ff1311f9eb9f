"""`tokenroof break-even` as a process."""

from pathlib import Path

import pytest
from economics_process import answer_of, assert_charts, assert_one_line, run, run_inside

BASE = ("break-even", "llama-3.3-70b", "--system", "8xh100", "--offer", "market/llama-3.3-70b")


def test_the_page_begins_with_the_sentence() -> None:
    done = run(*BASE, "--traffic", "diurnal", "--requests-per-s", "2")
    assert done.returncode == 0, done.stderr
    for words in ("API, market/llama-3.3-70b", "list price of", "Break-even at your rent", "in : out",
                  "a month against", "price: median of"):  # fmt: skip
        assert words in " ".join(done.stdout.split()), words
    assert done.stdout.startswith(("Your own 8 x H100", "The API is always cheaper"))
    assert "\x1b[" not in done.stdout


def test_json_and_measured_throughput() -> None:
    modelled = answer_of(*BASE, "--price-per-gpu-hour", "2")
    rate = modelled["requests_per_s"] * 512 / 2
    measured = answer_of(*BASE, "--price-per-gpu-hour", "2", "--measured-tok-s", str(rate))
    assert measured["duty_cycle"] == pytest.approx(2 * modelled["duty_cycle"])
    assert measured["measured"] is True
    assert modelled["mixes"][0]["input_per_output"] == pytest.approx(0.25, rel=1e-3)


def test_prices_in_another_currency_need_a_rate_that_works() -> None:
    offers = run("offers", "--filter", "CNY")
    assert offers.returncode == 0
    answer = answer_of("break-even", "glm-4.6", "--system", "8xh200", "--offer", "zhipu/glm-4.6", "--rate", "CNY=0.14")
    again = answer_of("break-even", "glm-4.6", "--system", "8xh200", "--offer", "zhipu/glm-4.6", "--rate", "CNY=0.28")
    assert again["request_api_usd"] == pytest.approx(2 * answer["request_api_usd"])


def test_charts(tmp_path: Path) -> None:
    assert_charts(tmp_path, [*BASE, "--traffic", "diurnal"], "Idle hours are paid for", "this mix", "Traffic")


def test_no_room_exits_1() -> None:
    done = run("break-even", "deepseek-v3", "--system", "4xh100", "--offer", "deepseek/deepseek-v3")
    assert done.returncode == 1
    assert "--system" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "needle"),
    [
        (("--offer-mode", "warp"), "mode"),
        (("--offer-window", "lunch"), "window"),
        (("--measured-tok-s", "-1"), "measured_tok_s"),
        (("--measured-tok-s", "nan"), "measured_tok_s"),
        (("--requests-per-s", "0"), "requests_per_s"),
        (("--rate", "CNY"), "rate"),
        (("--traffic", "diurnal:9"), "traffic"),
        (("-o", "x.pdf"), "output"),
        (("--isl", "9000M"), "isl"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(arguments: tuple[str, ...], needle: str) -> None:
    assert_one_line(run_inside(*BASE, *arguments), needle)


def test_missing_and_unknown_offers() -> None:
    assert_one_line(run_inside(*BASE[:4]), "offer")
    assert_one_line(run_inside(*BASE[:4], "--offer", "deepsek/deepseek-v3"), "deepseek/deepseek-v3")
    assert "tokenroof break-even deepseek-v3" in run("break-even", "--help").stdout
