"""The glossary is law: options and fields are made of its words and of plain ones, and of none that it gives up."""

import ast
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path

import click
import pytest

from tokenroof.cli.main import VERBS, cli
from tokenroof.schema import REQUESTS, request_class
from tokenroof.schema.responses import RESPONSES, keys_of, parts_of, response_classes

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/reference/glossary.md").read_text(encoding="utf-8")
PLAIN = frozenset((Path(__file__).parent / "plain_words.txt").read_text(encoding="utf-8").split())

# words that are given up for one meaning and stand here for another
OTHER_MEANING = {
    "Calibration.pass_through": "how much of a cost a price passes on",
    "DeduceResponse.choices": "the kinds of thing that are inferred, with their odds",
}
# texts that are not of the product's own voice: the lecture's words, options of engines, columns of others' files
OTHER_VOICE = ("formulas/", "engines/", "infer/", "measure/importers/", "cli/old_options.py", "cli/lecture.py")


def terms() -> frozenset[str]:
    """The words of all terms."""
    blocks = re.findall(r"^```\{glossary\}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in block.splitlines() if line and not line.startswith(" ")]
    return frozenset(word for line in lines for word in re.split(r"[,\s/-]+", line.lower()) if word)


def given_up() -> dict[str, str]:
    """Word or phrase that is not used -> what stands in its place."""
    table = PAGE.partition("## Words that are not used")[2]
    return {
        row[1]: row[2]
        for row in re.finditer(r"^\| ([^|]+?) \| ([^|]+?) \|$", table, re.MULTILINE)
        if row[1] not in ("not", "---")
    }


def names() -> Iterator[tuple[str, list[str]]]:
    """Every option and every field of a request or an answer, with the words that it is made of."""
    for verb in VERBS:
        command = cli.get_command(click.Context(cli), verb)
        assert command is not None
        for param in command.params:
            if isinstance(param, click.Option) and not param.hidden:
                for option in (*param.opts, *param.secondary_opts):
                    yield f"{verb} {option}", option.lstrip("-").split("-")
    for cls in parts_of(*dict.fromkeys(one for verb in RESPONSES for one in response_classes(verb))):
        for key in keys_of(cls):
            yield f"{cls.__name__}.{key}", key.split("_")
    for verb in REQUESTS:
        request = request_class(verb)
        for one in fields(request) if is_dataclass(request) else ():
            yield f"{request.__name__}.{one.name}", one.name.split("_")


def stem(word: str) -> str:
    """A word without its plural, and without the number at its end."""
    bare = re.sub(r"\d+$", "", word) or word
    return bare.removesuffix("s") if len(bare) > 3 and not bare.endswith("ss") else bare


def test_every_option_and_field_is_made_of_known_words() -> None:
    known = {stem(word) for word in terms() | PLAIN}
    unknown = {
        name: strange
        for name, words in names()
        if name not in OTHER_MEANING and (strange := [w for w in words if not w.isdigit() and stem(w) not in known])
    }
    assert unknown == {}, "a term for the glossary, or a plain word for plain_words.txt"


def test_no_plain_word_is_given_up_or_unused() -> None:
    used = {stem(word) for _, words in names() for word in words}
    assert sorted(word for word in PLAIN if stem(word) not in used) == []
    assert sorted(PLAIN & terms()) == []


def test_no_option_or_field_has_a_word_that_is_given_up() -> None:
    barred = {stem(word) for word in given_up() if " " not in word}
    found = [name for name, words in names() if barred & {stem(word) for word in words}]
    assert sorted(found) == sorted(OTHER_MEANING)


# Options belong to the command line; those of engines and benchmarks are not ours.
_NAMES_OPTIONS = ("cli/", "engines/", "simulate/traces/bench_output.py")


def test_no_text_below_the_command_line_names_an_option() -> None:
    """A `field` in backquotes stands for it there; the command line writes it as its option, Python as its keyword."""
    found = [
        f"{name}:{line}: {text[:80]}"
        for name, lines in texts_by_module().items()
        if not name.startswith(_NAMES_OPTIONS)
        for line, text in lines
        if re.search(r"--[a-z]", text)
    ]
    assert found == []


# together, pass and choice have plain meanings too: of printed text they are looked for where they can only be synonyms
_PHRASES = {
    "together": r"\btogether on the same|prompts and answers together",
    "pass": r"\b(a|decode|prefill|each) pass\b",
            "choice": r"\bchoices?:", "apart": r"\bapart\b", "fresh": r"\bfresh (input|token|price)"}  # fmt: skip


def barred_text() -> re.Pattern[str]:
    return re.compile("|".join(_PHRASES.get(word, rf"\b{re.escape(word)}s?\b") for word in given_up()), re.IGNORECASE)


def texts(source: str) -> Iterator[tuple[int, str]]:
    """String constants of a module, docstrings aside."""
    docs = set()
    for node in ast.walk(ast.parse(source)):  # what holds a docstring comes before it
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            docs |= {id(first.value) for first in node.body[:1] if isinstance(first, ast.Expr)}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.lineno, node.value


@cache
def texts_by_module() -> dict[str, list[tuple[int, str]]]:
    """Path below src/tokenroof -> its texts."""
    top = ROOT / "src/tokenroof"
    return {
        path.relative_to(top).as_posix(): list(texts(path.read_text(encoding="utf-8")))
        for path in sorted(top.rglob("*.py"))
    }


def test_no_printed_text_has_a_word_that_is_given_up() -> None:
    barred = barred_text()
    found = [
        f"{name}:{line}: {match[0]}: {text.strip()[:80]}"
        for name, lines in texts_by_module().items()
        if not name.startswith(OTHER_VOICE)
        for line, text in lines
        if " " in text and (match := barred.search(text))
    ]
    assert found == []


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_no_help_has_a_word_that_is_given_up(verb: str) -> None:
    command = cli.get_command(click.Context(cli), verb)
    assert command is not None
    if verb != "lecture":
        assert barred_text().search(command.get_help(click.Context(command))) is None


@pytest.mark.parametrize(
    "text", ["a decode pass of 3 ms", "the knee context is 7", "cost of a fresh token", "at balance batch"]
)
def test_the_check_of_texts_sees(text: str) -> None:
    assert barred_text().search(text)


@pytest.mark.parametrize("text", ["add them together", "pass the file by name", "a fresh checkout", "knee of the load"])
def test_the_check_of_texts_lets_pass(text: str) -> None:
    assert not barred_text().search(text)
