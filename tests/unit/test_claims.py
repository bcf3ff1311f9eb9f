"""The little language in which claims are written: what it reads, what it refuses."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenroof.catalog.claims import (
    Claim,
    Number,
    Ref,
    Source,
    Verdict,
    load_chapters,
    parse_check,
    parse_claim,
    parse_number,
    parse_step,
)
from tokenroof.errors import InputError, TokenroofError, UnitError
from tokenroof.usecases.lecture import judge

SOURCES = {"lecture": Source(key="lecture", title="A lecture", address="")}


def entry(**changes: Any) -> dict[str, Any]:
    """A small sound claim: 12 GB over 4 GB/s are 3 s."""
    base = {
        "id": "X1",
        "question": "How long?",
        "says": "3 s",
        "source": "lecture: 00:00",
        "verdict": "reproduced",
        "given": {"q": "12 GB", "w": "4 GB/s"},
        "steps": "t = drain_time_s(memory_bytes=$q, bytes_per_s=$w)",
        "checks": "time: $t = 3 s",
    }
    return base | changes


def claim(**changes: Any) -> Claim:
    return parse_claim(entry(**changes), SOURCES)


# ------------------------------------------------------------------ reading


@pytest.mark.parametrize(
    ("text", "value", "half_digit"),
    [
        ("2.6598 ms", 2.6598e-3, 0.00005e-3),
        ("2400 sequence", 2400, 0.5),
        ("2e15 token", 2e15, 0.5e15),
        ("1.67e3 B/token", 1670, 5),
        ("0.40 USD/Mtoken", 0.4e-6, 0.005e-6),
        ("15", 15, 0.5),
        ("50 %", 0.5, 0.005),
        ("160 KiB/token", 163_840, 512),
    ],
)
def test_numbers_keep_their_printed_digits(text: str, value: float, half_digit: float) -> None:
    number = parse_number(text)
    assert number.value == pytest.approx(value, rel=1e-12)
    assert number.half_digit == pytest.approx(half_digit, rel=1e-12)


@given(st.floats(1e-3, 1e6), st.integers(0, 6))
def test_a_rounded_number_is_within_half_its_last_digit(value: float, digits: int) -> None:
    number = parse_number(f"{value:.{digits}f} ms")
    assert abs(number.value - value * 1e-3) <= number.half_digit * (1 + 1e-9) + 1e-15


@given(st.floats(1e-9, 1e15), st.integers(0, 6))
def test_so_is_one_with_an_exponent(value: float, digits: int) -> None:
    number = parse_number(f"{value:.{digits}e}")
    assert abs(number.value - value) <= number.half_digit * (1 + 1e-9)


def test_unlimited_is_infinite() -> None:
    assert parse_number("unlimited sequence").value == float("inf")


def test_steps_read_calls_and_arithmetic() -> None:
    call = parse_step("t = weight_time_s(params, bytes_per_param=1 B/param, bytes_per_s=$w)")
    assert call.is_formula
    assert dict(call.arguments)["params"] == Ref(name="params")
    assert isinstance(dict(call.arguments)["bytes_per_param"], Number)
    infix = parse_step("r = $a / 12 GB")
    assert (infix.call, infix.is_formula) == ("/", False)
    assert parse_step("n = ceil($x)").call == "ceil"


def test_checks_read_relations_ranges_and_tolerances() -> None:
    assert parse_check("time: $t = 3 s within 0.1%").within == pytest.approx(1e-3)
    assert parse_check("time, which is short: $t <= 10 ms").relation == "<="
    band = parse_check("time: $t in 2..3 ms")
    assert isinstance(band.stated, Number)
    assert band.upper is not None
    assert (band.stated.value, band.upper.value) == (pytest.approx(2e-3), pytest.approx(3e-3))
    assert parse_check("same: $a = $b").stated == Ref(name="b")


# ------------------------------------------------------------------ refusing


@pytest.mark.parametrize("text", ["", "abc", "12 parsecs", "nan s", "$x", "1e", "1 GB/"])
def test_bad_numbers(text: str) -> None:
    with pytest.raises((InputError, UnitError)):
        parse_number(text)


@pytest.mark.parametrize("line", ["", "t", "t = ", "t = import os", "= f($x)", "t = $a ** $b", "t = f($x) + 1"])
def test_bad_steps(line: str) -> None:
    with pytest.raises(TokenroofError):
        parse_step(line)


@pytest.mark.parametrize("line", ["", "time", "time: t = 3 s", "time: $t ~ 3 s", "time: $t in 3 s", "$t = 3 s"])
def test_bad_checks(line: str) -> None:
    with pytest.raises(TokenroofError):
        parse_check(line)


@given(st.text(max_size=60))
def test_no_text_does_more_than_parse_or_raise(text: str) -> None:
    for parse in (parse_number, parse_step, parse_check):
        try:
            parse(text)
        except TokenroofError as error:
            assert str(error)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"source": ""}, "source"),
        ({"question": " "}, "question"),
        ({"source": "hearsay: 00:00"}, "hearsay"),
        ({"verdict": "proven"}, "proven"),
        ({"computed": "3 s"}, "computed"),
        ({"verdict": "corrected"}, "right form or reason"),
        ({"verdict": "corrected", "right": "4 s"}, "right form or reason"),
        ({"verdict": "claim"}, "without checks"),
        ({"verdict": "claim", "checks": ""}, "reason why"),
        ({"checks": ""}, "check"),
        ({"right": "4 s"}, "absent unless"),
        ({"checks": "time: $q = 12 GB"}, "what is compared is computed"),
        ({"checks": "time: $missing = 3 s"}, "missing"),
        ({"steps": "t = $q / $later\nlater = $q / $w"}, "later"),
        ({"steps": "q = $q / $w"}, "new name"),
        ({"given": {"q": "12 GB", "w": "4 bananas"}}, "bananas"),
    ],
)
def test_claims_that_the_loader_refuses(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(TokenroofError, match=words):
        claim(**changes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"steps": "t = drain_time_s(memory_bytes=$w, bytes_per_s=$q)"}, "memory_bytes is in"),
        ({"steps": "t = drain_time_s(memory_bytes=$q)"}, "the inputs of drain_time_s"),
        ({"steps": "t = eval(memory_bytes=$q)"}, "unknown formula"),
        ({"steps": "t = $q + $w"}, "add"),
        ({"checks": "time: $t = 3 GB"}, "against"),
    ],
)
def test_faults_that_show_when_it_runs(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(TokenroofError, match=words):
        judge(claim(**changes), "test")


def test_ids_are_unique(tmp_path: Path) -> None:
    one = '[[claims]]\nid = "X"\nquestion = "Q?"\nsays = "s"\nsource = "lecture: 0"\nverdict = "claim"\nwhy = "w"\n'
    once, twice = tmp_path / "once", tmp_path / "twice"
    for folder, chapters in ((once, "a"), (twice, "ab")):
        folder.mkdir()
        (folder / "sources.toml").write_text('[lecture]\ntitle = "A"\naddress = ""\n')
        for name in chapters:
            (folder / f"01-{name}.toml").write_text(f'chapter = "{name}"\ntitle = "{name}"\n' + one)
    assert len(load_chapters(once)[0].claims) == 1
    with pytest.raises(InputError, match="unique"):
        load_chapters(twice)


# ------------------------------------------------------------------ judging


@pytest.mark.parametrize(
    ("check", "verdict"),
    [
        ("time: $t = 3 s", Verdict.REPRODUCED),
        ("time: $t = 3.4 s within 20%", Verdict.REPRODUCED),
        ("time: $t = 3.4 s", Verdict.CORRECTED),
        ("time: $t = 4 s", Verdict.CORRECTED),
        ("time: $t < 3 s", Verdict.CORRECTED),
        ("time: $t <= 3 s", Verdict.REPRODUCED),
        ("time: $t in 3000..3001 ms", Verdict.REPRODUCED),
        ("time: $t in 1..2 s", Verdict.CORRECTED),
        ("time: $t = unlimited s", Verdict.CORRECTED),
    ],
)
def test_verdicts_are_computed(check: str, verdict: Verdict) -> None:
    result = judge(claim(checks=check), "test")
    assert result.verdict is verdict


def test_one_wrong_number_among_many_corrects_the_claim() -> None:
    result = judge(claim(checks="a: $t = 3 s\nb: $t = 30 s\nc: $t = 3.0 s"), "test")
    assert result.verdict is Verdict.CORRECTED
    assert result.basis == "computed: 1 of 3 numbers differ"


def test_words_alone_can_correct_and_a_reason_alone_is_a_claim() -> None:
    words = claim(verdict="corrected", checks="", right="other words", why="because")
    assert judge(words, "test").verdict is Verdict.CORRECTED
    assert judge(words, "test").basis == "in words"
    bare = claim(verdict="claim", checks="", steps="", why="a judgement")
    assert judge(bare, "test").verdict is Verdict.CLAIM
