"""Nothing public is undocumented: the built pages hold every verb, option, formula, error and exported name."""

import inspect
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import tokenroof
import tokenroof.formulas
from tokenroof import errors
from tokenroof.cli.main import VERBS
from tokenroof.registry import REGISTRY, Formula
from tokenroof.types.dtype import DTYPES

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
sys.path.insert(0, str(DOCS / "_ext"))
docs = import_module("tokenroof_docs")
api, cli, responses, typeset = (import_module(f"tokenroof_docs.{n}") for n in ("api", "cli", "responses", "typeset"))

OPTIONS = [(verb, option) for verb in sorted(VERBS) for option in cli.options_of(verb)]
NAMES = [(module, name) for _, modules in api.MODULES.values() for module in modules for name in api.named(module)]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The documentation, built with warnings as errors; dangling links and references are warnings."""
    out = tmp_path_factory.mktemp("docs")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-n", "-b", "html"]
    command += ["-d", str(out / "trees"), str(DOCS), str(out / "html")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return out / "html"


def _page(built: Path, name: str) -> str:
    return (built / "reference" / f"{name}.html").read_text(encoding="utf-8")


def test_every_verb_and_option_has_an_entry(built: Path) -> None:
    listing = _page(built, "cli")
    for verb in VERBS:
        assert f"cli/{verb}.html" in listing
        assert f"tokenroof {verb}" in _page(built, f"cli/{verb}")
    for verb, option in OPTIONS:
        assert f">{option.opts[0]}<" in _page(built, f"cli/{verb}"), (verb, option.opts)


@pytest.mark.parametrize(("verb", "option"), OPTIONS, ids=[f"{v} {o.opts[0]}" for v, o in OPTIONS])
def test_every_option_says_what_it_means(verb: str, option: object) -> None:
    assert getattr(option, "help", None), f"{verb}: give the option a help text"


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_has_help_with_an_example(verb: str) -> None:
    said = cli.command_of(verb).help or ""
    assert f"tokenroof {verb}" in said


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_is_used_in_a_guide(verb: str) -> None:
    pages = [*(DOCS / "guide").glob("*.md"), ROOT / "README.md"]
    assert any(re.search(rf"tokenroof {verb}\b", page.read_text(encoding="utf-8")) for page in pages)


def test_every_formula_has_an_entry(built: Path) -> None:
    for formula in REGISTRY.values():
        page = _page(built, f"formulas/{formula.family}")
        assert f'id="{formula.name.replace("_", "-")}"' in page or f'id="{formula.name}"' in page, formula.name
        for name in formula.inputs:
            assert f">{name}<" in page


def test_every_exported_name_and_error_has_an_entry(built: Path) -> None:
    pages = {module: _page(built, f"python/{page}") for page, (_, ms) in api.MODULES.items() for module in ms}
    for module, name in NAMES:
        if name != "__version__":
            assert f"<h3>{name}<" in pages[module], (module, name)
    said = _page(built, "errors")
    for name in errors.__all__:
        assert f"<h2>{name}<" in said
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


def test_number_formats_are_listed(built: Path) -> None:
    page = _page(built, "formats")
    for name in DTYPES:
        assert f">{name}<" in page


def test_meanings_of_json_keys_are_those_of_the_responses() -> None:
    wanted = {cls.__name__: set(responses.keys_of(cls)) for cls in responses.classes()}
    assert {name: set(keys) for name, keys in responses.meanings().items()} == wanted


def test_pages_need_no_network(built: Path) -> None:
    for page in built.rglob("*.html"):
        fetched = re.findall(
            r'<(?:script|link|img)[^>]+(?:src|href)="(https?:[^"]+)"', page.read_text(encoding="utf-8")
        )
        assert not fetched, (page, fetched)


def test_no_generated_page_is_committed() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "docs/reference"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    generated = {f"docs/reference/{name}" for name in docs.reference_pages()}
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
