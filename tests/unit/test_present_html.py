"""A notebook view: small, escaped, readable when folded, and without anything from outside."""

import html as html_of_python
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from present_example import FACTS, analyze_page

from tokenroof.present.html import MOST_BYTES, document, html
from tokenroof.present.numbers import ranged
from tokenroof.present.page import (
    Bar,
    BarRow,
    Bars,
    KeyValues,
    Lines,
    Page,
    Table,
    bars,
    note,
    numbers,
    warning,
    words,
)  # fmt: skip

VOID = {"meta"}


class _Checker(HTMLParser):
    """Tags that close in order, and the text between them."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.said: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.said.append(data)


def read(fragment: str) -> _Checker:
    checker = _Checker()
    checker.feed(fragment)
    checker.close()
    assert checker.open == []
    return checker


def test_the_example_says_all_of_its_main_table() -> None:
    page = analyze_page()
    fragment = html(page)
    said = " ".join(read(fragment).said)
    assert page.sentence in said
    for label, number, unit in FACTS:
        assert label in said and all(cell in said for cell in ranged(number, unit))
    assert len(fragment.encode()) <= MOST_BYTES
    assert 'role="region" aria-label="tokenroof: llama-3.3-70b on 8xh100"' in fragment
    assert not re.search(r"<script|https?:|url\(|@import|\bcolor:(?!inherit)", fragment)
    classes = {c for found in re.findall(r'class="([^"]*)"', fragment) for c in found.split()}
    assert all(c.startswith("tkr") for c in classes)


def test_a_folded_section_still_answers() -> None:
    fragment = html(analyze_page())
    heads = [
        html_of_python.unescape(re.sub("<[^>]+>", "", s)) for s in re.findall("<summary>(.*?)</summary>", fragment)
    ]
    assert (
        "How many requests at once (8,448 tokens each) 46 (TPOT 50 ms), 165 (KV memory), 295 (critical batch)" in heads
    )
    assert "Memory of one GPU weights 17.6 GB (21 %) · activations, reserve 9.90 GB (12 %) · KV 57.3 GB (67 %)" in heads
    assert fragment.count("<details open>") == 1


def test_bars_have_lengths_and_kinds() -> None:
    table = Table(
        columns=(words(), bars()), rows=[("a", Bar(2.0, "memory")), ("b", Bar(1.0, "network")), ("c", Bar(-1.0))]
    )
    fragment = html(Page(title="t", sentence="s", blocks=(table,)))
    assert re.findall(r"tkr-bar tkr-(\w+)\" style=\"width:(\d+)px", fragment) == [
        ("memory", "152"), ("network", "76"), ("other", "0")]  # fmt: skip


@pytest.mark.parametrize(("rows", "shown"), [(50, 50), (51, 25), (2_000, 25)])
def test_long_tables_show_their_beginning_and_end(rows: int, shown: int) -> None:
    table = Table(columns=(words("n"), numbers("x")), rows=[(f"row {i}", str(i)) for i in range(rows)])
    fragment = html(Page(title="t", sentence="s", blocks=(table,)))
    assert len(re.findall(r"<td>row ", fragment)) == shown
    assert f"<td>row {rows - 1}</td>" in fragment and ("more</td>" in fragment) == (rows > 50)


EVIL = "<img src=x onerror=alert(1)>&\"'</details></table></div>"


def test_all_text_is_escaped() -> None:
    page = Page(
        title=EVIL, sentence=EVIL, scenario=(EVIL,), also=((EVIL, EVIL),), defaults=(EVIL,), remarks=(note(EVIL),),
        blocks=(
            Table(title=EVIL, columns=(words(EVIL), numbers()), rows=[(EVIL, EVIL)], lines=(EVIL,), summary=EVIL),
            KeyValues(title=EVIL, pairs=((EVIL, EVIL, EVIL),), remarks=(warning(EVIL),)),
            Bars(title=EVIL, rows=(BarRow(EVIL, EVIL, 1.0, "memory", EVIL, EVIL),)), Lines(title=EVIL, lines=(EVIL,)),
        ),
    )  # fmt: skip
    for fragment in (html(page), document(page)):
        assert "img" not in read(fragment).seen and "<img" not in fragment
    assert document(page).startswith("<!doctype html>")


def test_it_stays_small_whatever_is_in_it() -> None:
    wide = Table(title="t", columns=[words("h" * 500)] * 30, rows=[["x" * 500] * 30] * 500, summary="the result")
    fragment = html(Page(title="t" * 9_999, sentence="s" * 9_999, blocks=(analyze_page().blocks[0], wide, wide)))
    assert len(fragment.encode()) <= MOST_BYTES and "the result" in fragment
    many = Page(title="t", sentence="s", scenario=["é" * 999] * 99, blocks=[wide] * 99, also=[("é" * 999, "x")] * 99)
    assert len(html(many).encode()) <= MOST_BYTES


@given(st.text(), st.text())
def test_any_text_gives_tags_that_close(one: str, two: str) -> None:
    read(html(Page(title=one, sentence=two, blocks=(Table(columns=(words(one),), rows=[(two,)]),))))
