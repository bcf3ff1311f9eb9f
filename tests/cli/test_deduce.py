"""The verb `deduce`: text, JSON, files, flags; bad input in one line and exit 2."""

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tokenroof.cli.deduce import command
from tokenroof.cli.faults import error_text
from tokenroof.errors import TokenroofError

FAST = ("--draws", "65536")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, list(arguments))


def test_text_holds_channels_and_joint_region() -> None:
    result = run("deepseek/deepseek-v3", "--full", *FAST)
    assert result.exit_code == 0, result.output
    for words in ("price level", "total parameters", "prior 80 %", "Open models most like it", "what other hosts ask",
                  "correlation", "65,536, effective"):  # fmt: skip
        assert words in " ".join(result.stdout.split())
    assert result.stderr == ""


def test_the_page_begins_with_what_it_can_be() -> None:
    result = run("openai/gpt-5.5", "--draws", "262144")
    first = " ".join(result.stdout.split("\n\n")[0].split())
    assert re.match(
        r"Most likely a mixture of experts of .* with .* active: the input price says so; nothing tells the KV", first
    )
    estimates = json.loads(run("openai/gpt-5.5", "--json", "--draws", "262144").stdout)
    assert estimates["sentence"] == first
    prior = run("google/gemini-3.1-pro-preview", "--prior-only", *FAST).stdout
    assert prior.startswith("Before any evidence: a mixture of experts (83 %) or a dense model of")


def test_json_is_one_object_without_draws() -> None:
    result = run("google/gemini-3.1-pro-preview", "--json", *FAST)
    answer = json.loads(result.stdout)
    assert {"estimates", "deductions", "moved", "surprises", "neighbours", "health", "priors"} <= set(answer)
    assert "posterior" not in answer
    assert [region["names"] for region in answer["regions"]] == [
        ["total_params", "active_params"], ["active_params", "kv_bytes_per_token"], ["total_params", "markup"],
    ]  # fmt: skip
    assert answer["offer"]["origin"]["source"]
    assert len(result.stdout) < 200_000


def test_text_gives_formula_calibration_and_caveat_of_every_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    deductions = json.loads(run("anthropic/claude-opus-4-7", "--json", *FAST).stdout)["deductions"]
    text = run("anthropic/claude-opus-4-7", "--full", *FAST).stdout
    text, kept = text.partition("What each rests on\n")[0], text
    assert max(map(len, text.splitlines())) <= 80
    assert max(map(len, kept.splitlines())) <= 100
    flat = " ".join(kept.split())
    for deduction in deductions:
        for part in ("formula", "calibration", "caveat"):
            assert f"{part} {deduction[part]}" in flat


def test_flags_make_an_offer() -> None:
    result = run(
        "--input", "3", "--output", "15", "--cached", "0.3", "--step", "200K:2:1.5", "--context", "1M",
        "--storage", "4.5", "--fast", "6:2.5", "--batch-x", "0.5", "--speed", "80", "--json", "--draws", "262144",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    channels = {moved["channel"] for moved in json.loads(result.stdout)["moved"]}
    assert channels == {"input_price", "output_speed", "fast_mode", "spare_capacity"}


def test_flags_carry_what_a_file_carries() -> None:
    """The same sheet as flags and as TOML gives the same evidence."""
    flags = run(
        "--input", "0.3", "--output", "1.2", "--model", "deepseek-v3", "--write", "5m:0.4", "--write", "1h:0.6",
        "--step", "64K:2:1.5", "--inclusive", "--context", "128K", "--off-peak", "0.5", "--ttft", "600ms",
        "--as-of", "2026-11-01", "--json", *FAST[:1], "262144",
    )  # fmt: skip
    assert flags.exit_code == 0, flags.output
    with_flags = json.loads(flags.stdout)
    assert with_flags["offer"]["inclusive"] is True and with_flags["offer"]["ttft_s"] == 0.6
    assert with_flags["offer"]["origin"]["as_of"] == "2026-11-01"
    evidence = with_flags["evidence"]
    assert evidence["kind"] == "open" and evidence["floor_hosts"] == 11
    assert evidence["storage_usd_per_token_h"] == pytest.approx(0.2e-6 / 55 * 60)
    assert (evidence["step_tokens"], evidence["discount_x"]) == (64_000, 0.5)


def test_prices_without_a_day_are_not_dated() -> None:
    assert "sheet: not dated" in run("--input", "3", "--output", "15", *FAST).stdout


@pytest.mark.parametrize(("page", "count"), [("--lecture", 2), ("--validate", 11)])  # one is versions
def test_pages_without_an_offer_are_written_too(tmp_path: Path, page: str, count: int) -> None:
    path = tmp_path / "page.json"
    result = run(page, "-o", str(path))
    assert result.exit_code == 0, result.output
    assert len(json.loads(path.read_text(encoding="utf-8"), parse_constant=pytest.fail)) == count


def test_a_row_that_moved_does_not_say_nothing() -> None:
    """Opus 4.5's cache is nearly as wide as before and elsewhere, through the size: something was said."""
    rows = json.loads(run("anthropic/claude-opus-4-5", "--json", "--draws", "262144").stdout)["estimates"]
    cache = next(row for row in rows if row["name"] == "kv_bytes_per_token")
    assert cache["width_left"] > 0.9 and cache["shift"] > 0.1
    text = run("anthropic/claude-opus-4-5", "--full", "--draws", "262144").stdout
    lines = text.partition("All unknowns")[2].splitlines()
    (line,) = [line for line in lines if line.startswith("  KV cache per token")]
    assert "says nothing" not in line
    (hits,) = [line for line in text.splitlines() if line.startswith("  cache-hit share")]
    assert "not read" in hits


@pytest.mark.parametrize("ending", ["svg", "png", "html", "json", "csv"])
def test_output_file_by_ending(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"answer.{ending}"
    result = run("openai/gpt-5", "-o", str(path), "--chart", "evidence", *FAST)
    assert result.exit_code == 0, result.output
    assert path.stat().st_size > 500
    if ending == "csv":
        rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
        assert {row["unknown"] for row in rows} >= {"total_params", "kv_bytes_per_token"}
        assert all(float(row["low80"]) <= float(row["high80"]) for row in rows)


def test_lecture_page() -> None:
    result = run("--lecture")
    assert result.exit_code == 0
    assert result.stdout.count("stated") == 5 and result.stdout.count("calibrated") >= 5
    assert len(json.loads(run("--lecture", "--json").stdout)["claims"]) == 5


def test_compare() -> None:
    result = run("--compare", "anthropic/claude-opus-5", "anthropic/claude-haiku-5-5", "--draws", "262144")
    assert result.exit_code == 0, result.output
    assert "chance first larger" in result.stdout and "first / second" in result.stdout
    assert "independent" in result.stdout
    assert "anthropic/claude-opus-5 has more parameters than anthropic/claude-haiku-5-5" in " ".join(
        result.stdout.split()
    )


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nobody/nothing"],
        ["openai/gpt-5", "--lecture"],
        ["--input", "3"],
        ["--input", "nan", "--output", "3"],
        ["--input", "3", "--output", "15", "--cached", "4"],
        ["--input", "3", "--output", "15", "--step", "200K"],
        ["--input", "3", "--output", "15", "--step", "200K:2:1.5", "--step", "100K:3:3"],
        ["--input", "3", "--output", "15", "--fast", "6"],
        ["--input", "3", "--output", "15", "--currency", "EUR"],
        ["openai/gpt-5", "-o", "answer.gif"],
        ["openai/gpt-5", "-o", "/no/such/folder/answer.svg"],
        ["openai/gpt-5", "--leave-out", "gravity"],
        ["openai/gpt-5", "--speed", "80 GB"],
        ["openai/gpt-5", "--draws", "3"],
        # flags that would be ignored
        ["openai/gpt-5", "--cached", "4"],
        ["openai/gpt-5", "--open"],
        ["openai/gpt-5", "--known", "total:1T"],
        ["openai/gpt-5", "--lab", "nobody"],
        ["--input", "1", "--output", "4", "--ttft", "0.6"],
        ["openai/gpt-5", "--speed-at", "1K:90"],
        ["openai/gpt-5", "--ttft-at", "1K"],
        ["openai/gpt-5", "--beside", "llama-3.3-70b:80"],
        ["--validate", "--as-of", "2024-01-01"],
        ["--compare", "openai/gpt-5", "openai/gpt-4o", "--known", "total:>1T"],
        ["--input", "0.000003", "--output", "0.000015"],
        ["--validate", "--draws", "65536"],
        ["--lecture", "--chart", "evidence"],
        ["--lecture", "-o", "page.csv"],
        ["--compare", "openai/gpt-5", "openai/gpt-4o", "--speed", "80"],
        ["--compare", "openai/gpt-5", "openai/gpt-4o", "-o", "both.png"],
        ["--input", "3", "--output", "15", "--inclusive"],
        ["--input", "3", "--output", "15", "--write", "5m"],
        ["--input", "3", "--output", "15", "--write", "1h:6", "--write", "5m:9"],
        ["--input", "3", "--output", "15", "--model", "nope"],
        ["--input", "3", "--output", "15", "--as-of", "yesterday"],
        ["--input", "3", "--output", "15", "--ttft", "nan"],
    ],
)
def test_bad_input_is_one_error(arguments: list[str]) -> None:
    result = run(*arguments)
    assert isinstance(result.exception, TokenroofError | SystemExit), result.exception
    assert result.exit_code != 0
    assert "\n" not in str(result.exception)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--input", "-3", "--output", "15"], "--input -3 must be a number from 0"),
        (["--input", "3", "--output", "15", "--batch-x", "2"], "--batch-x 2 must be at most 1: what a batch costs"),
        (["--input", "3", "--output", "15", "--off-peak", "2"], "--off-peak 2 must be at most 1: what quiet"),
        (["--input", "3", "--output", "15", "--fast", "6"], "--fast 6 must be PRICE_X:SPEED_X"),
        (["--compare", "openai/gpt-5", "openai/gpt-5"], "must be two different offers"),
        (["--validate", "--seed", "3"], "--seed 3 must be left out with --validate"),
        (["openai/gpt-5", "--active", "1"], "--active 1 must be a number from 1e6"),
        (["openai/gpt-5", "--speed", "100", "--beside", "llama-3.3-70b:80000"], "--beside 80000 must be from 0.001"),
        (["openai/gpt-5", "--speed-at", "2K:9500000", "--speed-at", "9K:9"], "--speed-at 9500000 must be from 0.001"),
    ],
)  # fmt: skip
def test_bad_input_is_said_as_it_was_typed(arguments: list[str], said: str) -> None:
    with pytest.raises(TokenroofError) as caught, command.make_context("deduce", list(arguments)) as context:
        command.invoke(context)
    assert said in error_text(caught.value, command)


def test_whole_process_says_the_contradiction_and_exits_2() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tokenroof", "deduce", "--input", "1", "--output", "5", "--cached", "2"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1 and "cached dearer than uncached" in done.stderr
