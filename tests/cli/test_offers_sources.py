"""`offers --from`, `--diff`, `--stale`, `-o`, and what was written used by deduce and break-even."""

import json
import sys
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tokenroof.catalog.offers.paths import read_offers
from tokenroof.cli.main import cli
from tokenroof.errors import TokenroofError

HAS_PACKAGE = pytest.mark.usefixtures("package")


@pytest.fixture
def package() -> None:
    pytest.importorskip("genai_prices", reason="the extra `prices` is not installed")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


@HAS_PACKAGE
def test_the_package_is_listed_with_its_date_and_what_is_left_out() -> None:
    result = run("offers", "--from", "genai-prices", "--filter", "anthropic/claude-opus-5")
    assert result.exit_code == 0 and "2026-11-10" in result.stdout
    said = " ".join(result.stdout.split())
    assert "not carried" in said and "cache writes without a time to live" in said


@HAS_PACKAGE
def test_one_sheet_of_the_package_and_a_bill() -> None:
    result = run(
        "offers", "deepseek/deepseek-v4-pro", "--from", "genai-prices", "--today", "2026-12-01", "--isl", "1M", "--json"
    )
    card = json.loads(result.stdout)
    assert (card["offer"]["since"], card["age_days"]) == ("2026-08-17", 21)
    assert card["bill"]["total"] == pytest.approx(0.66)


@HAS_PACKAGE
def test_diff_shows_changes_and_says_how_much_agrees() -> None:
    result = run("offers", "--from", "genai-prices", "--diff", "--filter", "deepseek")
    assert "-18.3 %" in result.stdout
    assert "Gone, 2 sheets" in result.stdout
    answer = json.loads(run("offers", "--from", "genai-prices", "--diff", "--json").stdout)
    assert answer["source"] == "genai-prices 0.2.3" and answer["compared"] > 90 and answer["left"]


@HAS_PACKAGE
def test_written_sheets_are_read_back_and_used(tmp_path: Path) -> None:
    out = tmp_path / "prices"
    result = run("offers", "--from", "genai-prices", "--filter", "deepseek/", "--filter", "v4", "-o", str(out))
    assert result.exit_code == 0 and "shipped snapshot is as it was" in result.stderr
    assert run("offers", "--from", "genai-prices", "--filter", "deepseek/", "-o", str(out)).exit_code == 0, "again"
    assert {offer.origin.as_of for offer in read_offers(out)} == {"2026-11-10"}
    sheet = f"{out / 'deepseek.toml'}#deepseek/deepseek-v4-pro"
    shown = json.loads(run("offers", sheet, "--json").stdout)["offer"]
    assert shown["origin"]["source"].startswith("genai-prices 0.2.3")
    deduced = json.loads(run("deduce", sheet, "--draws", "65536", "--json").stdout)
    assert deduced["offer"] == shown
    even = run("break-even", "deepseek-v3", "--system", "8xh200", "--offer", sheet, "--json")
    assert json.loads(even.stdout)["offer"] == "deepseek/deepseek-v4-pro"
    one = tmp_path / "one.toml"
    assert run("offers", "anthropic/claude-opus-5", "--from", "genai-prices", "-o", str(one)).exit_code == 0
    assert json.loads(run("deduce", str(one), "--draws", "65536", "--json").stdout)["offer"]["id"].endswith("opus-5")
    diff = run("offers", "--from", str(one), "--diff", "--filter", "anthropic/claude-opus-5", "--json")
    assert json.loads(diff.stdout)["same"] == 1


@HAS_PACKAGE
def test_the_whole_package_in_one_file(tmp_path: Path) -> None:
    path = tmp_path / "all.toml"
    assert run("offers", "--from", "genai-prices", "-o", str(path)).exit_code == 0
    listed = json.loads(run("offers", "--from", "genai-prices", "--json").stdout)["rows"]
    assert [offer.id for offer in read_offers(path)] == [row["id"] for row in listed]


def test_stale_sheets_on_a_day() -> None:
    result = run("offers", "--stale", "90", "--filter", "deepseek/", "--today", "2027-02-10")
    assert "deepseek/deepseek-r1" in result.stdout and "712" in result.stdout
    assert "deepseek-v4-pro" not in result.stdout and "days old on 2027-02-10" in result.stdout
    newest = json.loads(run("offers", "--stale", "0", "--today", "now", "--json").stdout)
    assert newest["today"] == date.today().isoformat()


def test_the_snapshot_can_be_written_too(tmp_path: Path) -> None:
    assert run("offers", "--filter", "xai/", "-o", str(tmp_path / "mine")).exit_code == 0
    assert json.loads(run("offers", "--from", str(tmp_path / "mine"), "--json").stdout)["rows"]


def test_without_the_extra_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    result = run("offers", "--from", "genai-prices")
    assert isinstance(result.exception, TokenroofError)
    assert "pip install 'tokenroof[prices]'" in str(result.exception)


@HAS_PACKAGE
def test_deduce_takes_the_prices_of_today_where_it_may_fetch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package's own updater is asked once, and its sheet has today's date."""
    from genai_prices import data, update_prices

    reply = update_prices.data_snapshot.DataSnapshot(data.providers, from_auto_update=True)
    monkeypatch.setattr(update_prices.UpdatePrices, "fetch", lambda _: reply)
    asked = ("deduce", "anthropic/claude-opus-5", "--draws", "20000", "--json")
    answer = json.loads(run(*asked, "--online").stdout)
    assert answer["offer"]["origin"]["as_of"] == date.today().isoformat()
    assert "fetched" in answer["offer"]["origin"]["source"]
    assert answer["evidence"]["priced"] > json.loads(run(*asked).stdout)["evidence"]["priced"]


@HAS_PACKAGE
def test_deduce_says_that_nothing_could_be_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    from genai_prices import update_prices

    def down(_: object) -> None:
        raise OSError("no route\nto host")

    monkeypatch.setattr(update_prices.UpdatePrices, "fetch", down)
    error = run("deduce", "anthropic/claude-opus-5", "--online").exception
    assert isinstance(error, TokenroofError) and "online" in str(error) and "no route to host" in str(error)
    assert isinstance(run("deduce", "--input", "3", "--output", "15", "--online").exception, TokenroofError)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--diff"],
        ["--diff", "--stale", "3"],
        ["--stale", "-1"],
        ["--stale", "3", "--usd"],
        ["--stale", "3", "--today", "soon"],
        ["claude-opus-5", "--stale", "3"],
        ["--from", "nowhere"],
        ["--from", "snapshot", "--history"],
        ["claude-opus-5", "--history"],
        ["claude-opus-5", "--as-of", "2026-01-01"],
        ["-o", "x.toml", "--usd"],
        ["--filter", "no such words", "-o", "x.toml"],
        ["market/deepseek-v3", "-o", "x.toml"],
    ],
)
def test_bad_input_is_one_error(arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("offers", *arguments)
    assert isinstance(result.exception, TokenroofError)
    assert "\n" not in str(result.exception) and list(tmp_path.iterdir()) == []
