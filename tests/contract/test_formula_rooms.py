"""A formula is in formulas/ because something that answers a question uses it, else in formulas/lecture/."""

import ast
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path

import tokenroof
import tokenroof.formulas.lecture
from tokenroof.registry import REGISTRY

SOURCE = Path(tokenroof.__file__).parent
FORMULAS = SOURCE / "formulas"
LECTURE = FORMULAS / "lecture"


def sources() -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(SOURCE.rglob("*.py")):
        yield path, ast.parse(path.read_text(encoding="utf-8"))


def names_taken(tree: ast.Module) -> set[tuple[str, str]]:
    """(family, name) of everything that a module takes from tokenroof.formulas."""
    taken, families = set(), {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "tokenroof.formulas":
            families |= {alias.asname or alias.name: alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tokenroof.formulas."):
            taken |= {(str(node.module).rpartition(".")[2], alias.name) for alias in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in families:
            taken.add((families[node.value.id], node.attr))
    return taken


def called(family: str, name: str) -> set[tuple[str, str]]:
    """What a function of a family calls: in its own module, or from another family."""
    module = importlib.import_module(f"tokenroof.formulas.{family}")
    function = getattr(module, name, None)
    if not inspect.isfunction(function):
        return set()
    tree = ast.parse(inspect.getsource(inspect.unwrap(function)))
    words = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - {name}
    found = set()
    for word in words:
        other = getattr(module, word, None)
        if inspect.isfunction(other) and other.__module__.startswith("tokenroof.formulas."):
            found.add((other.__module__.rpartition(".")[2], word))
    return found


def running() -> set[tuple[str, str]]:
    """Everything of formulas/ that a module outside it uses, directly or through another of them."""
    todo = [use for path, tree in sources() if FORMULAS not in path.parents for use in names_taken(tree)]
    todo = [use for use in todo if (FORMULAS / f"{use[0]}.py").exists()]
    seen = set(todo)
    while todo:
        more = called(*todo.pop()) - seen
        seen |= more
        todo += more
    return seen


def test_only_the_registry_knows_the_lectures_formulas() -> None:
    for path, tree in sources():
        if LECTURE in path.parents or path == SOURCE / "registry.py":
            continue
        modules = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert not any(module.startswith("tokenroof.formulas.lecture") for module in modules), path
        assert not any(family == "lecture" for family, _ in names_taken(tree)), path


def test_every_formula_outside_lecture_runs() -> None:
    used = running()
    here = {(f.family, f.name) for f in REGISTRY.values() if f.function.__module__.startswith("tokenroof.formulas.")}
    assert {one for one in here if not one[0].startswith("lecture/")} - used == set()
    assert len(used & here) > 50
