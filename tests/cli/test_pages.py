"""Pages: every verb answers in a sentence, fits a screen, and says the same in a terminal, in Python and in a notebook.

A verb's page is taken where it is printed, so that what a verb would print beside it is found too.
"""

import re
import shlex
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import click
import pytest
from economics_process import run_inside

from tokenroof.cli.main import cli
from tokenroof.present import text as printer
from tokenroof.present.html import html
from tokenroof.present.page import Lines, Page
from tokenroof.present.short import short
from tokenroof.present.text import text

ANALYZE = ("analyze llama-3.3-70b --system 8xh100 --tp 8 --batch 64 --isl 8192 --osl 512",
           "analyze deepseek-v3 --system gb200-nvl72", "analyze deepseek-v3 --system 8xh100",
           "analyze llama-3.3-70b --system 8xh100 --tpot 5ms")  # fmt: skip
PLAN = ("plan llama-3.3-70b --system 8xh100 --users 500 --ttft 1s --tpot 50ms",
        "plan llama-3.3-70b --system 8xh100 --users 500 --ttft 100ms --tpot 5ms",
        "plan llama-3.1-8b --system h100,8xa100 --tpot 30ms")  # fmt: skip
DIFF = ("diff llama-3.3-70b@8xh100,tp=8 llama-3.3-70b@8xb200,tp=8 --batch 64",
        "diff deepseek-v3@8xh100 deepseek-v3@8xh200")  # fmt: skip
MONEY = ("price llama-3.3-70b --system 8xh100",
         "price deepseek-v3 --system gb200-nvl72 --pair 6x,2.5x --traffic diurnal",
         "price llama-3.1-70b --system 8xh100 --capex-per-gpu 35000 --cost-of-capital 0.1 --sell 0.4,0.9",
         "price deepseek-v3 --system 8xh100", "break-even deepseek-v3 --system 8xh200 --offer deepseek/deepseek-v3",
         "break-even llama-3.3-70b --system 8xh100 --offer market/llama-3.3-70b --traffic diurnal --requests-per-s 2",
         "break-even llama-3.3-70b --system 8xh100 --offer market/llama-3.3-70b --price-per-gpu-hour 50",
         "speculate deepseek-v3 --system 8xh200", "speculate llama-3.3-70b --system 8xh100 --acceptance 0.8",
         "speculate llama-3.1-70b --system 8xh100 --draft llama-3.1-8b --acceptance 0.2",
         "speculate --list")  # fmt: skip
ROOFLINE = ("roofline --params 671e9 --active 37e9 --flops 2.88e17 --bandwidth 512TB/s --kv-bytes-per-token 70272 "
            "--context 4096 --batch 2400 --price-per-hour 128",
            "roofline --params 1e9 --flops 1e15 --bandwidth 3e12")  # fmt: skip
DEDUCE = ("deduce google/gemini-3.1-pro-preview --draws 262144", "deduce deepseek/deepseek-v3 --draws 262144",
          "deduce --input 3 --output 15 --draws 65536",
          "deduce --lecture", "deduce --validate",
          "deduce --compare anthropic/claude-opus-5 anthropic/claude-haiku-5-5 --draws 262144")  # fmt: skip
ONE = ("offers google/gemini-3.1-pro-preview", "offers anthropic/claude-opus-5 --isl 250K --prefix 200K --osl 2000",
       "offers deepseek/deepseek-v3", "sweep examples/sweep.toml --estimate",
       "train", "train deepseek-v3 --tokens 14.8e12 --system 2048xh800 --mfu 0.33 --price-per-gpu-hour 2",
       "chip h100", "chip grace", "systems 2xgb200-nvl72",
       "kv llama-3.3-70b deepseek-v3", "kv qwen3-next-80b-a3b gpt-oss-120b llama-3.1-8b llama-3.1-70b")  # fmt: skip
LISTS = ("chips", "chips --announced --vendor amd", "systems", "models", "models --filter moe,mla --sort active",
         "models --tags", "tiers", "offers", "offers --filter claude", "offers --stale 90 --today 2027-02-10",
         "model deepseek-v3", "model gemma-3-27b", "lecture", "lecture --only corrected",
         "lecture S1", "lecture L1", "lecture S24")  # fmt: skip
COMMANDS = (*ANALYZE, *PLAN, *DIFF, *MONEY, *ROOFLINE, *DEDUCE, *ONE, *LISTS)

# forms that pages do not use: an error after its value, microseconds, a ratio before its value, a range set by spaces
FORBIDDEN = re.compile(r"\+-|±|\d us\b|\bx0\.|\d  +to ")
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?(?![\d.]*[A-WYZa-wyz])")
MOST_LINES = 40


def numbers_of(said: str) -> set[str]:
    """The numbers in a text, in three figures; of a ratio the change in per cent too."""
    numbers = [float(number.replace(",", "")) for number in NUMBER.findall(said)]
    numbers += [abs(round(100 * (float(ratio) - 1))) for ratio in re.findall(r"(\d+\.\d+)x", said)]
    return {f"{number:.3g}" for number in numbers}


@cache
def printed(command: str) -> SimpleNamespace:
    """The page that a command prints, with its exit status and all of its stdout."""
    pages: list[Page] = []

    def kept(page: Page, *style: object, **more: object) -> str:
        pages.append(page)
        return text(page, *style, **more)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("COLUMNS", "100")
        patched.setattr(printer, "text", kept)
        done = run_inside(*shlex.split(command))
    assert len(pages) == 1, f"{len(pages)} pages; stderr: {done.stderr}"
    return SimpleNamespace(page=pages[0], status=done.returncode, stdout=done.stdout)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_page_is_all_that_is_printed(command: str) -> None:
    found = printed(command)
    assert found.stdout == text(found.page, ascii=True) + "\n"  # no encoding is known
    assert found.status == int(found.page.refused)


@pytest.mark.parametrize("command", COMMANDS)
def test_it_begins_with_a_sentence_of_two_lines_whose_numbers_stand_below(command: str) -> None:
    page, lines = printed(command).page, printed(command).stdout.splitlines()
    end = lines.index("") if not page.remarks else next(i + 1 for i, line in enumerate(lines) if line.endswith("."))
    assert " ".join(lines[:end]).endswith(".") and end <= 3
    below = " ".join([page.title, *text(page, full=True).splitlines()[end:]])
    if command in LISTS or all(isinstance(block, Lines) for block in page.blocks):
        return  # a list is summed up, a model's table is exact; a refusal may have no numbers beside its reason
    missing = numbers_of(page.sentence) - numbers_of(below)
    if command.startswith("deduce"):  # wide intervals are said in two figures
        shown = [float(number) for number in numbers_of(below)]
        missing = {one for one in missing if not any(abs(float(one) - other) <= 0.05 * other for other in shown)}
    assert missing == set()


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("width", [80, 100, 140])
def test_it_keeps_to_the_width_and_to_a_screen(command: str, width: int) -> None:
    page = printed(command).page
    copied = {f"  {line}" for block in page.blocks if isinstance(block, Lines) for line in block.lines}
    for full in (False, True):
        lines = text(page, width, full=full).splitlines()
        long = [line for line in lines if len(line) > width and line not in copied]
        assert [line for line in long if len(line.split()) > 1] == []  # an address is not broken
        assert not FORBIDDEN.search("\n".join(line for line in lines if line not in copied))
    assert width < 100 or len(text(page, width).splitlines()) <= MOST_LINES


@pytest.mark.parametrize("command", COMMANDS)
def test_python_and_notebooks_say_the_same(command: str) -> None:
    page = printed(command).page
    lines = short(page).splitlines()
    assert len(lines) <= 12 and max(map(len, lines)) <= 100
    assert page.sentence.split()[0] in lines[1]
    marked = re.sub(r"<[^>]*>", "", html(page))
    for word in page.sentence.split():
        assert word.replace("'", "&#x27;") in marked


def options_of(verb: str) -> set[str]:
    command = cli.get_command(click.Context(cli), verb)
    assert command is not None, verb
    return {option for param in command.params for option in (*param.opts, *param.secondary_opts)}


@pytest.mark.parametrize("command", COMMANDS)
def test_what_comes_next_can_be_typed(command: str) -> None:
    """Verbs and options of the last line, and of changes that would do, are those that there are."""
    page, here = printed(command).page, command.split()[0]
    said = [
        *page.next,
        *(line for block in page.blocks if isinstance(block, Lines) and block.open for line in block.lines),
    ]
    for text_ in said:
        words = text_.replace(",", " ").replace(":", " ").split()
        verb = words[1] if words[0] == "tokenroof" and len(words) > 1 else here
        for option in (word for word in words if re.fullmatch(r"--?[a-z][a-z-]*", word)):
            assert option in options_of(verb) | options_of(here), (text_, option)


@pytest.mark.parametrize("columns", ["", "x", "-5", "0", "9999999999", "1"])
def test_a_senseless_width_is_not_followed(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    done = run_inside("chip", "h100")
    assert done.returncode == 0 and "3.35 TB/s" in done.stdout
    assert 20 < max(map(len, done.stdout.splitlines())) <= 100


def test_the_command_line_prints_nothing_but_pages_json_and_explanations() -> None:
    """Tables and texts are made in present/: what cli/ echoes itself are explanations, errors, progress, an address."""
    kept = {"main.py", "render.py", "faults.py", "welcome.py", "trace.py", "web.py"}
    source = Path(__file__).parents[2] / "src/tokenroof/cli"
    for path in source.glob("*.py"):
        echoed = re.findall(r"click\.echo\(([^\n]*)", path.read_text(encoding="utf-8"))
        assert path.name in kept or all(one.startswith("text_of(") for one in echoed), (path.name, echoed)
