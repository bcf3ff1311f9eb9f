"""The Python door: keywords as options, one answer object, the same numbers as the verb gives."""

import inspect
import json
import subprocess
import sys
from dataclasses import fields
from html.parser import HTMLParser
from pathlib import Path

import pytest

import tokenroof
from tokenroof.errors import InfeasibleError, InputError, UnknownName
from tokenroof.types.scenario import Scenario
from tokenroof.usecases.analyze.run import AnalyzeRequest, analyze

ASKED = {"tp": 8, "batch": 64, "isl": 8192, "osl": 512}


@pytest.fixture(scope="module")
def answer() -> tokenroof.Answer:
    return tokenroof.analyze("llama-3.3-70b", "8xh100", **ASKED)


def test_keywords_scenario_request_and_texts_with_units_give_one_answer(answer: tokenroof.Answer) -> None:
    request = AnalyzeRequest(model="llama-3.3-70b", system="8xh100", tp=8, batch=64.0, isl=8192.0, osl=512.0)
    scenario = tokenroof.make_scenario("llama-3.3-70b", "8xh100", **ASKED)
    others = [
        tokenroof.analyze(request), tokenroof.analyze(scenario),
        tokenroof.analyze("llama-3.3-70b", "8xh100", tp=8, batch=64, isl="8Ki", osl="512"),
    ]  # fmt: skip
    for other in others:
        assert other.to_dict() == answer.to_dict()
    assert answer.tpot_s == analyze(request).tpot_s
    assert tokenroof.analyze(scenario, batch=32).tpot.value < answer.tpot.value


def test_the_command_line_prints_the_same_dict(answer: tokenroof.Answer) -> None:
    command = [sys.executable, "-m", "tokenroof", "analyze", "llama-3.3-70b", "--system", "8xh100", "--tp", "8",
               "--batch", "64", "--isl", "8192", "--osl", "512", "--json"]  # fmt: skip
    told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    same = {name: value for name, value in answer.to_dict().items() if name != "versions"}
    assert {name: value for name, value in told.items() if name != "versions"} == json.loads(json.dumps(same))


def test_numbers_are_found_without_their_unit(answer: tokenroof.Answer) -> None:
    assert answer.tpot is answer.tpot_s
    assert answer.fits is True
    with pytest.raises(AttributeError, match="Analysis has no 'tpott'"):
        _ = answer.tpott
    with pytest.raises(TypeError, match=r"\.fits"):
        bool(answer)


def test_the_repr_is_short_and_the_page_is_the_command_lines(answer: tokenroof.Answer) -> None:
    for one in (
        answer,
        tokenroof.plan("llama-3.1-8b", "4xh100", tpot="30ms"),
        tokenroof.analyze("deepseek-v3", "8xh100"),
    ):
        lines = repr(one).splitlines()
        assert len(lines) <= 12 and max(map(len, lines)) <= 100
        assert len(repr(one)) <= 1200
    assert str(answer) == answer.page()
    assert len(answer.page(full=True)) > len(answer.page())


def test_html_is_well_formed_and_holds_the_sentence(answer: tokenroof.Answer) -> None:
    page = answer._repr_html_()
    open_tags: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            open_tags.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert open_tags.pop() == tag

    Reader().feed(page)
    assert open_tags == []
    assert len(page) <= 20_000 and "Llama-3.3-70B fits" in page and "<script" not in page


def test_tables_charts_and_files(answer: tokenroof.Answer, tmp_path: Path) -> None:
    assert answer.tables == ("main", "operators", "defaults")
    frame = answer.to_frame()
    assert "tpot_s" in list(getattr(frame, "column_names", None) or frame.columns)
    with pytest.raises(UnknownName, match="operators"):
        answer.to_frame("operator")
    answer.save(tmp_path / "a.json", tmp_path / "a.csv", tmp_path / "a.txt", tmp_path / "a.svg")
    assert json.loads((tmp_path / "a.json").read_text())["fits"] is True
    assert (tmp_path / "a.csv").read_text().startswith("model,system,gpus")
    assert (tmp_path / "a.svg").read_text().startswith("<?xml")
    assert "<svg" in answer.plot()._repr_svg_()


def test_what_does_not_fit_is_an_answer_until_a_script_asks_for_an_error(answer: tokenroof.Answer) -> None:
    small = tokenroof.analyze("deepseek-v3", "8xh100")
    assert small.fits is False and small.tpot is None and small.infeasible.fixes
    with pytest.raises(InfeasibleError, match="weights alone"):
        small.check()
    assert answer.check() is answer


def test_explanations_and_differences(answer: tokenroof.Answer) -> None:
    assert answer.explain("tpot").value == pytest.approx(answer.tpot.value, rel=1e-9)
    found = tokenroof.diff(answer, tokenroof.analyze("llama-3.3-70b", "8xb200", **ASKED))
    assert "bandwidth" in found.page()


def test_all_faults_at_once_in_the_users_words() -> None:
    with pytest.raises(InputError) as caught:
        tokenroof.analyze("llama-3.3-70b", "8xh100", batch="many", osl=-5, tpot=50)
    text = str(caught.value)
    for words in ("batch = 'many'", "osl = -5", '0.05 or "50ms"'):
        assert words in text
    for wrong in (None, 7, [1]):
        with pytest.raises(InputError):
            tokenroof.analyze(wrong, "8xh100")
    with pytest.raises(InputError, match="concurency"):
        tokenroof.analyze("llama-3.3-70b", "8xh100", concurency=3)


def test_several_systems_are_never_read_letter_by_letter() -> None:
    one = tokenroof.plan("llama-3.1-8b", "h100", tpot=0.05)
    both = tokenroof.plan("llama-3.1-8b", ["h100", "h200"], tpot=0.05)
    assert [machine.system for machine in one.machines] == ["h100"]
    assert sorted(machine.system for machine in both.machines) == ["h100", "h200"]


def test_keywords_are_the_fields_of_a_scenario() -> None:
    parameters = inspect.signature(tokenroof.analyze).parameters
    assert list(parameters) == ["model", "system", "options"]
    assert {one.name for one in fields(Scenario)} <= {one.name for one in fields(AnalyzeRequest)}


@pytest.mark.parametrize(
    ("verb", "options", "table", "key"),
    [
        ("price", {}, "lengths", "isl"), ("speculate", {"acceptance": 0.7}, "main", "speedup"),
        ("break_even", {"offer": "market/llama-3.3-70b"}, "main", "own_usd"),
    ],
)  # fmt: skip
def test_money_verbs_answer_like_the_others(verb: str, options: dict[str, object], table: str, key: str) -> None:
    found = getattr(tokenroof, verb)("llama-3.3-70b", "8xh100", **options)
    assert str(found).startswith(found.sentence[:40])
    lines = repr(found).splitlines()
    assert len(lines) <= 12 and lines[0].startswith("<tokenroof.") and "llama-3.3-70b on 8xh100" in lines[0]
    assert " ".join(found.sentence.split()[:6]) in found._repr_html_()
    assert key in found.to_frame(table).columns
    assert found.check() is found


def test_a_price_of_what_does_not_fit_says_so_first() -> None:
    refused = tokenroof.price("deepseek-v3", "8xh100")
    assert str(refused).startswith("Not met: its weights alone need")
    assert refused.to_dict()["fixes"] and refused.tables == () and "tables:" not in repr(refused)
    with pytest.raises(InfeasibleError):
        refused.check()
    with pytest.raises(UnknownName):
        refused.explain("tpot_s")
