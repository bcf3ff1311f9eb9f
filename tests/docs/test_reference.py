"""Nothing public is undocumented: the generated pages hold every verb, option, formula, error and exported name."""

import inspect
import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import tokenroof
import tokenroof.formulas.lecture
from tokenroof import catalog, errors
from tokenroof.catalog import load_model
from tokenroof.cli.main import VERBS
from tokenroof.operators import lower
from tokenroof.registry import REGISTRY, Formula
from tokenroof.schema.responses import RESPONSES, keys_of
from tokenroof.types.dtype import DTYPES
from tokenroof.types.layout import Layout

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
sys.path.insert(0, str(DOCS / "_ext"))
docs = import_module("tokenroof_docs")
api, cli, responses, typeset = (import_module(f"tokenroof_docs.{n}") for n in ("api", "cli", "responses", "typeset"))

OPTIONS = [(verb, option) for verb in sorted(VERBS) for option in cli.options_of(verb)]
NAMES = [(module, name) for _, modules in api.MODULES.values() for module in modules for name in api.named(module)]


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    """The generated pages: path below docs/reference -> Markdown."""
    found: dict[str, str] = docs.reference_pages()
    return found


def test_the_documentation_builds_without_a_warning_and_needs_no_network(tmp_path: Path) -> None:
    """A dangling link or reference is a warning, and a warning is an error. `make test` keeps what this builds."""
    kept = os.environ.get("TOKENROOF_KEEP_DOCS")
    top = ROOT / kept if kept else tmp_path
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-n", "-b", "html"]
    command += ["-d", str(top / "doctrees"), str(DOCS), str(top / "docs")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    built = list((top / "docs").rglob("*.html"))
    assert len(built) > len(VERBS)
    for page in built:
        text = page.read_text(encoding="utf-8")
        fetched = re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="(https?:[^"]+)"', text)
        assert not fetched, (page, fetched)


def test_every_verb_and_option_has_an_entry(pages: dict[str, str]) -> None:
    for verb in VERBS:
        assert f"(cli/{verb}.md)" in pages["tables/_verbs.md"]
    for verb, option in OPTIONS:
        assert re.search(rf"^\| [^|]*`{re.escape(option.opts[0])}`", pages[f"cli/{verb}.md"], re.MULTILINE), option.opts


@pytest.mark.parametrize(("verb", "option"), OPTIONS, ids=[f"{v} {o.opts[0]}" for v, o in OPTIONS])
def test_every_option_says_what_it_means(verb: str, option: object) -> None:
    assert getattr(option, "help", None), f"{verb}: give the option a help text"


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_has_help_with_an_example(verb: str) -> None:
    said = cli.command_of(verb).help or ""
    assert f"tokenroof {verb}" in said


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_is_used_in_a_guide(verb: str) -> None:
    pages = [*(DOCS / "guide").glob("*.md"), *DOCS.glob("*.md"), ROOT / "README.md"]
    assert any(re.search(rf"tokenroof {verb}\b", page.read_text(encoding="utf-8")) for page in pages)


def test_every_formula_has_an_entry(pages: dict[str, str]) -> None:
    for formula in REGISTRY.values():
        page = pages[f"formulas/{formula.family}.md"]
        (entry,) = re.findall(rf"^## {formula.name}$(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
        assert f"Result in `{formula.result.unit}`" in entry
        assert "Source: " in entry
        for name, quantity in formula.inputs.items():
            assert f"| `{name}` | `{quantity.unit}` |" in entry
        assert f"({formula.family}.md#{formula.name})" in pages["formulas/all.md"]


@pytest.mark.parametrize("model", ["deepseek-v3.2", "jamba-1.5-large", "llama-3.1-8b", "gpt-oss-120b"])
def test_every_operator_has_a_row(pages: dict[str, str], model: str) -> None:
    for row in lower(load_model(model), Layout(tp=2, pp=2)).operators:
        assert f"| {row.name} | `{row.kind}` |" in pages["tables/_operators.md"]


def test_every_exported_name_and_error_has_an_entry(pages: dict[str, str]) -> None:
    for page, (_, modules) in api.MODULES.items():
        headings = set(re.findall(r"^### (\w+)$", pages[f"python/{page}.md"], re.MULTILINE))
        wanted = {name for module, name in NAMES if module in modules} - {"__version__"}
        assert wanted <= headings
    assert set(errors.__all__) == set(re.findall(r"^## (\w+)$", pages["tables/_errors.md"], re.MULTILINE))
    assert set(tokenroof.__all__) <= {name for module, name in NAMES if module == "tokenroof"}


@pytest.mark.parametrize(("module", "name"), NAMES, ids=[f"{m}.{n}" for m, n in NAMES])
def test_every_exported_function_and_class_has_a_docstring(module: str, name: str) -> None:
    value = getattr(import_module(module), name)
    if inspect.isclass(value) or inspect.isfunction(value):
        doc = inspect.getdoc(value) or ""
        assert doc
        assert not doc.startswith(f"{name}("), "a dataclass without a docstring"


def test_every_subclass_of_the_root_error_is_exported_and_told_of_in_the_module() -> None:
    found = {cls for cls in vars(errors).values() if inspect.isclass(cls) and issubclass(cls, errors.TokenroofError)}
    assert {cls.__name__ for cls in found} == set(errors.__all__)
    for name in errors.__all__:
        assert name in (errors.__doc__ or "")


def test_number_formats_models_chips_and_systems_are_listed(pages: dict[str, str]) -> None:
    for name in DTYPES:
        assert f"| `{name}` |" in pages["tables/_formats.md"]
    for name in catalog.model_ids():
        assert f"| `{name}` |" in pages["catalogue/models.md"]
    for name in catalog.chip_ids():
        assert f"## {name}\n" in pages["catalogue/chip-figures.md"]
        assert f"(chip-figures.md#{name})" in pages["catalogue/chips.md"]
    assert "`gb200-nvl72`" in pages["catalogue/systems.md"]


def test_every_json_key_says_what_it_means(pages: dict[str, str]) -> None:
    """Of every class that a verb answers with, and of all that they hold."""
    parts = re.split(r"^## (\w+)$", pages["tables/_responses.md"], flags=re.MULTILINE)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    said = {
        (name, row[1]): row[2].strip()
        for name, section in sections.items()
        for row in re.finditer(r"^\| `(\w+)` \|.*\| ([^|]*) \|$", section, re.MULTILINE)
    }
    wanted = {(cls.__name__, key) for cls in responses.classes() for key in keys_of(cls)}
    assert set(said) == wanted and len(wanted) > 1200
    assert {key for key, words in said.items() if len(words) < 6} == set()


def test_no_meaning_is_of_a_key_that_no_response_has() -> None:
    wanted = {cls.__name__: set(keys_of(cls)) for cls in responses.classes()}
    given = {name: set(keys) for name, keys in responses.meanings().items()}
    shared = given.pop(responses.ANY)
    assert {
        name: keys - wanted.get(name, set()) for name, keys in given.items() if keys - wanted.get(name, set())
    } == {}
    assert shared <= {key for name, keys in wanted.items() for key in keys - given.get(name, set())}


def test_classes_of_json_have_names_of_their_own() -> None:
    """Their sections are reached by name."""
    names = [cls.__name__ for cls in responses.classes()]
    assert sorted(names) == sorted(set(names))


def test_every_verb_has_its_answer() -> None:
    """Of verbs that answer a question; `web` serves the others, and `report` writes a view of them."""
    assert set(RESPONSES) == set(VERBS) - {"report", "web"}


def test_no_generated_page_is_committed(pages: dict[str, str]) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "docs/reference"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    generated = {f"docs/reference/{name}" for name in pages}
    assert not generated & set(listed.stdout.split())


# ------------------------------------------------------------------ typeset equations


@pytest.mark.parametrize(
    ("plain", "tex"),
    [
        ("B* = rho * N / A", r"B^{*} = \frac{\rho \cdot N}{A}"),
        ("a / b / c", r"\frac{a}{b \cdot c}"),
        ("a / b * c", r"\frac{a}{b} \cdot c"),
        ("a - (b - c)", r"a - \left(b - c\right)"),
        ("1 - (1 - k / E) ^ T", r"1 - \left(1 - \frac{k}{E}\right)^{T}"),
        (
            "t_kv + max(t_compute, t_weights)",
            r"t_{\text{kv}} + \max\left(t_{\text{compute}}, t_{\text{weights}}\right)",
        ),
    ],
)
def test_equations_keep_their_meaning(plain: str, tex: str) -> None:
    assert typeset.latex(plain) == (tex, "")


@pytest.mark.parametrize("plain", ["energy * electricity price", "(1 + r)^-n a year", "a +", "6.8 us + b", "a ^ b ^ c"])
def test_what_is_not_plain_arithmetic_is_left_alone(plain: str) -> None:
    assert typeset.latex(plain) is None


def test_words_after_an_equation_are_kept() -> None:
    assert typeset.latex("alpha + n for p > 1") == (r"\alpha + n", "for p > 1")
    tex, words = typeset.latex("d = a / b, b the rent; unlimited where b is zero")
    assert words == "b the rent; unlimited where b is zero"
    assert tex == r"d = \frac{a}{b}"


@pytest.mark.parametrize("formula", REGISTRY.values(), ids=list(REGISTRY))
def test_typeset_brackets_and_names_are_those_of_the_equation(formula: Formula) -> None:
    found = typeset.latex(formula.equation)
    if found is not None:
        tex, words = found
        assert tex.count("{") == tex.count("}")
        names = set(re.findall(r"[A-Za-z]+", formula.equation[: len(formula.equation) - len(words)]))
        shown = set(re.findall(r"[A-Za-z]+", tex))
        assert names - {"log", "ceil", "floor", "sqrt", "max", "min", "exp"} <= shown | {"for", "where", "at"}
