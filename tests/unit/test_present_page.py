"""A page reads the same at every width, in every encoding, on a terminal and in a pipe."""

import dataclasses
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from present_example import analyze_page

from tokenroof.cli.render import written
from tokenroof.present.asked import ask
from tokenroof.present.characters import BLOCKS, bar_text, clean, cut_middle, encodes_blocks, to_ascii, width_of
from tokenroof.present.markdown import markdown
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
    ranges,
    warning,
    words,
)  # fmt: skip
from tokenroof.present.short import MOST_CHARACTERS, MOST_LINES, WIDTH, short
from tokenroof.present.text import table_lines, terminal, text

EXPECTED = """\
Llama-3.3-70B fits on 8 x H100. 64 requests at once get 15 tok/s each (TPOT 66 ms) and cost $2.73
per M output tokens; two thirds of that TPOT is the prefill of newly arriving prompts.

Scenario  bf16 weights, bf16 KV | tp8, 1 replica | 8,192 in, 512 out | vLLM | $3.89 per GPU-hour

                                   predicted   80 % range     hardware bound
  TPOT, served                       65.9 ms   47.3 to 92.0                -
  TPOT, decode steps alone           22.9 ms   19.4 to 27.0          12.2 ms
  TTFT                                747 ms   -                           -
  interactivity              15.2 tok/s/user   10.9 to 21.1                -
  output throughput            119 tok/s/GPU   85 to 166                   -
  cost, output                   $2.73 per M   1.96 to 3.81                -
  cost, input                    $0.40 per M   0.29 to 0.55                -
warning: two thirds of TPOT is prefill: tokenroof plan --disaggregated

Where a decode step of 22.9 ms goes
  attention over KV cache      8.63 ms   38 %   ████████████████████████   memory-bound
  matmuls                      7.65 ms   33 %   █████████████████████▎     memory-bound
  all-reduce between GPUs      5.04 ms   22 %   ██████████████             network
  norms, embedding, sampling   0.81 ms    4 %   ██▎
  host                         0.77 ms    3 %   ██▏
  +10 % memory bandwidth: -5.8 %    +10 % network: -2.0 %    +10 % FLOP/s: -0.1 %

How many requests at once (8,448 tokens each)
  TPOT of 50 ms     46   served, prefill included; set --tpot
  KV memory        165   57.3 GB per GPU, 346 MB per request
  critical batch   295   where matmul arithmetic equals weight reads

Memory of one GPU   weights 17.6 GB (21 %) | activations, reserve 9.90 GB (12 %) | KV 57.3 GB (67 %)

Defaults   dtypes from the checkpoint | price: median of 21 offers, $2.58 to $12.29, 2026-11-09
Left out   queueing from bursts (tokenroof simulate) | checkpoint quality
Next       --full for every operator | --explain tpot | tokenroof plan for the best layout"""
FORBIDDEN = re.compile(r"\+-|±| us\b|x0\.|  to ")
FIGURES = re.compile(r"\d[\d,]*\.?\d*")


def test_the_worked_example_prints_as_designed() -> None:
    assert text(analyze_page()) == EXPECTED


@pytest.mark.parametrize("width", [80, 100, 140])
@pytest.mark.parametrize("ascii", [False, True])
def test_no_line_is_wider_than_the_page(width: int, ascii: bool) -> None:
    page = text(analyze_page(), width, ascii=ascii, full=True)
    assert max(map(len, page.splitlines())) <= width
    assert not FORBIDDEN.search(page) and not re.search(r"\d\n\s*(%|ms|GB)", page)
    assert page.count("TPOT, served") == 1, "a table is never continued below itself"


def test_what_leaves_first() -> None:
    columns = (words("name"), numbers("value"), ranges(), bars(20), words("bound by"))
    table = Table(columns=columns, rows=[("matmuls", "7.65 ms", "6.10 to 9.20", Bar(3.0), "memory")] * 2)

    def heads(width: int) -> str:
        return " ".join(table_lines(table, width)[0].split())

    assert "█" in table_lines(table, 80)[1] and heads(80) == "name value 80 % range bound by"
    assert "█" not in table_lines(table, 56)[1] and heads(56) == "name value 80 % range bound by"
    assert heads(40) == "name value bound by"
    least = table_lines(table, 20)
    assert heads(20) == "name value" and least[-1].split(": ")[-1] == "bound by"
    assert all("7.65 ms" in line for line in least[1:3])


def test_names_are_cut_in_the_middle_and_numbers_never() -> None:
    name = "meta-llama/llama-3.3-70b-instruct-fp8-dynamic"
    table = Table(columns=(words("model"), numbers("cost")), rows=[(name, "$123,456,789.00 per M")])
    assert table_lines(table, 50)[1] == "  meta-llama/...p8-dynamic   $123,456,789.00 per M"
    assert "$123,456,789.00 per M" in table_lines(table, 10)[1] or len(table_lines(table, 10)) > 1
    assert cut_middle("abcdefghij", 7) == "ab...ij" and cut_middle("abc", 7) == "abc"


@given(st.text(max_size=40), st.integers(4, 30))
def test_a_cut_name_fits(name: str, width: int) -> None:
    assert width_of(cut_middle(name, width)) <= width


def test_bars_are_exact_in_eighths() -> None:
    for eighths in range(33):
        bar = bar_text(eighths / 8, 4.0, 4)
        assert sum(BLOCKS.index(c) for c in bar) == eighths
        assert set(bar_text(eighths / 8, 4.0, 4, ascii=True)) <= {"#"}
    assert bar_text(9.0, 4.0, 4) == "████" and bar_text(-1.0, 4.0, 4) == "" and bar_text(float("nan"), 4.0, 4) == ""
    assert bar_text(1.0, 0.0, 4) == ""
    assert len(bar_text(2.0, 4.0, 4, ascii=True)) == 2


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp437", "latin-1", "utf-8"])
def test_every_encoding_carries_the_same_numbers(encoding: str) -> None:
    page = analyze_page()
    style = terminal(io.TextIOWrapper(io.BytesIO(), encoding=encoding), {})
    printed = text(page, style["width"], colour=style["colour"], ascii=style["ascii"])
    printed.encode(encoding)
    assert style == {"width": 100, "colour": False, "ascii": encoding != "utf-8"}
    assert FIGURES.findall(printed) == FIGURES.findall(EXPECTED)
    assert ("#" in printed) == (encoding != "utf-8")
    assert not encodes_blocks(None) and not encodes_blocks("no such encoding")


def test_ascii_of_names() -> None:
    assert to_ascii("8 × H100 – Mémoire") == "8 x H100 - Memoire"
    assert to_ascii("模型 a").endswith(" a") and to_ascii("模型 a").isascii()


class _Screen(io.StringIO):
    encoding = "utf-8"  # type: ignore[assignment]

    def isatty(self) -> bool:
        return True


def test_colour_only_on_a_terminal_without_no_color() -> None:
    assert terminal(_Screen(), {"COLUMNS": "120"}) == {"width": 120, "colour": True, "ascii": False}
    assert not terminal(_Screen(), {"NO_COLOR": "1"})["colour"] and not terminal(_Screen(), {"TERM": "dumb"})["colour"]
    assert not terminal(io.StringIO(), {})["colour"]
    coloured = text(analyze_page(), colour=True)
    assert "\x1b[" in coloured and re.sub(r"\x1b\[[\d;]*m", "", coloured) == EXPECTED
    refused = Page(title="x", sentence="Not met.", refused=True)
    assert text(refused, colour=True).startswith("\x1b[1;31m")


def test_full_shows_more() -> None:
    assert "vllm serve" not in text(analyze_page()) and "vllm serve" in text(analyze_page(), full=True)


def test_titles_stand_over_the_first_column_where_it_has_no_head() -> None:
    table = Table(title="Alternatives", columns=(words(), numbers("GPUs")), rows=[("7 x tp2", "14")])
    assert table_lines(table, 80) == ["Alternatives   GPUs", "  7 x tp2        14"]


def test_no_name_can_steer_the_terminal_or_break_a_table() -> None:
    evil = "a\x1b[2Jb\nc\u202ed\u2028e"
    page = Page(
        title=evil, sentence=evil, scenario=(evil,), also=((evil, evil),), next=(evil,), remarks=(warning(evil),),
        blocks=(
            Table(title=evil, columns=(words(evil), numbers()), rows=[(evil, "1")], remarks=(note(evil),)),
            KeyValues(title=evil, pairs=((evil, evil),), inline=True), Lines(title=evil, lines=(evil,)),
            Bars(title=evil, rows=(BarRow(evil, "1", 1.0),)),
        ),
    )  # fmt: skip
    for printed in (text(page), markdown(page), short(page)):
        assert not re.search("[\x1b\u202e\u2028]", printed)
    assert clean("a\tb") == "a b"


def test_wide_characters_keep_columns_straight() -> None:
    table = Table(columns=(words(), numbers()), rows=[("通义千问", "1"), ("qwen", "22")])
    one, two = table_lines(table, 80)
    assert width_of(one) == width_of(two)


def test_markdown_has_the_tables_without_bars() -> None:
    page = markdown(analyze_page(), full=True)
    assert "| TPOT, served | 65.9 ms | 47.3 to 92.0 |  |" in page and "█" not in page
    assert "> **warning:** two thirds" in page and "```text\nvllm serve $MODEL" in page
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert all(line.endswith("|") for line in rows)
    odd = Page(title="", sentence="a*b", blocks=(Table(columns=(words("x|y"),), rows=[("<b>|",)]),))
    assert "| x\\|y |\n| --- |\n| &lt;b&gt;\\| |" in markdown(odd) and "a\\*b" in markdown(odd)
    assert "````" in markdown(Page(title="", sentence="s", blocks=(Lines(title="t", lines=("```",)),)))


def test_the_repr_is_short() -> None:
    said = short(analyze_page()).splitlines()
    assert said[0] == "<tokenroof.Analysis  llama-3.3-70b on 8xh100  tp8  batch 64  8192/512  vllm>"
    assert said[-1] == "tables: main, operators, limits, memory, launch"
    assert len(said) <= MOST_LINES


@given(st.text(max_size=300), st.lists(st.tuples(st.text(max_size=60), st.text(max_size=30)), max_size=40))
def test_no_repr_is_long(said: str, rows: list[tuple[str, str]]) -> None:
    table = Table(columns=(words("a"), words("b")), rows=rows, name="main")
    page = Page(title=said, sentence=said, scenario=(said,), blocks=(table,))
    for one in (short(page), short(dataclasses.replace(page, blocks=()))):
        assert len(one.split("\n")) <= MOST_LINES and len(one) <= MOST_CHARACTERS
        assert max(map(width_of, one.split("\n"))) <= WIDTH


def test_each_door_writes_what_a_page_advises_in_its_own_way() -> None:
    page = Page(
        title="t", sentence="Set `tpot`.", blocks=(Lines(title="", lines=("`weight_dtype` fp8",)),),
        next=("`full` for all", "`output` a.svg", ask("break-even", "m", system="s", full=True, why=" for rent")),
    )  # fmt: skip
    python = text(page, 200)
    assert "Set `tpot`." in python
    assert 'tokenroof.break_even("m", system="s").page(full=True) for rent' in python
    said = text(written(page), 200)
    assert "Set --tpot." in said and "  --weight-dtype fp8" in said
    assert "--full for all | -o a.svg | tokenroof break-even m --system s --full for rent" in said
