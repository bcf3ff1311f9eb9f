"""The verb `offers`: one list, one sheet, one bill; errors in one line."""

import json
import re

import pytest
from click.testing import CliRunner, Result

from tokenroof.cli.offers import command
from tokenroof.errors import TokenroofError


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, list(arguments))


def test_list_filters_by_every_word() -> None:
    result = run("--filter", "claude", "--filter", "opus-5", "--json")
    ids = [row["id"] for row in json.loads(result.stdout)["rows"]]
    assert ids == ["anthropic/claude-opus-5", "anthropic/claude-opus-5-5"]


def test_table_names_steps_and_dates() -> None:
    result = run("--filter", "gemini-3.1")
    assert ">200K 2x/1.5x" in result.stdout and "2026-11-22" in result.stdout
    assert re.match(r"\d+ price sheets? of 1 seller, as of 2026-11-22\.", result.stdout) and result.stderr == ""


def test_one_sheet_shows_its_sources() -> None:
    result = run("google/gemini-3.1-pro-preview")
    assert re.search(r"storage +4\.5 +per million tokens and hour", result.stdout)
    assert result.stdout.startswith(
        "Google asks 2 USD per M input and 12 per M output tokens of gemini-3.1-pro-preview"
    )
    assert "model-bank" in result.stdout and "reported" in result.stdout


def test_bill() -> None:
    card = json.loads(run("claude-opus-5", "--isl", "10K", "--prefix", "8K", "--osl", "1000", "--json").stdout)
    assert card["bill"]["total"] == pytest.approx(2_000 * 5e-6 + 8_000 * 0.5e-6 + 1_000 * 25e-6)


def test_usd_says_the_rate() -> None:
    result = run("--filter", "zhipu/glm-4.6", "--usd", "--rate", "CNY=0.15", "--json")
    answer = json.loads(result.stdout)
    assert answer["rows"][0]["input_per_mtok"] == pytest.approx(3 * 0.15)
    assert answer["rates"][0]["usd"] == 0.15


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-sheet"],
        ["--isl", "10K"],
        ["claude-opus-5", "--isl", "ten"],
        ["claude-opus-5", "--isl", "10", "--mode", "warp"],
        ["--usd", "--rate", "CNY"],
        ["--usd", "--rate", "CNY=nan"],
    ],
)
def test_bad_input_is_one_error(arguments: list[str]) -> None:
    result = run(*arguments)
    assert isinstance(result.exception, TokenroofError | SystemExit)
    assert result.exit_code != 0
    assert "Traceback" not in result.output


@pytest.mark.parametrize("ending", ["", ".toml"])
def test_a_name_that_no_folder_takes_is_one_error(tmp_path, ending: str) -> None:
    result = run("anthropic/claude-opus-5", "--output", str(tmp_path / ("9" * 3000 + ending)))
    assert isinstance(result.exception, TokenroofError) and "output" in str(result.exception)
