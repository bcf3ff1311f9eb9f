"""How many one-token faults in the physics and the money do the tests of their area catch?

.venv/bin/python scripts/mutants.py                   60 faults, seed 1
.venv/bin/python scripts/mutants.py --count 20 --seed 7 --only operators serving
.venv/bin/python scripts/mutants.py --list            the faults, without running anything

A fault is drawn from all places where a constant can be doubled, a factor or divisor dropped, a sum and a difference,
two comparisons, or minimum and maximum swapped. Each is made in a copy of the tree; the tests of its area run there
until the first one fails. What survives them meets the frozen predictions, which say that something moved and not
what: such faults are counted apart. A fault that changes no result counts as a survivor, but for lines that EXCLUDED
names with a reason.
"""

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = Path("src/tokenroof")
LAST = ("tests/predictions",)
TIMEOUT_S = 300.0

# what is mutated -> the tests of that area; a folder stands for its modules
AREAS = {
    "operators": ("tests/unit/test_engine_*.py", "tests/contract/test_operator_counts.py",
                  "tests/golden/test_engine_*.py", "tests/property/test_engine_*.py",
                  "tests/property/test_step_sensitivity.py"),
    "serving": ("tests/unit/test_serving*.py", "tests/unit/test_crowd.py", "tests/unit/test_pipelines.py",
                "tests/property/test_serving.py", "tests/property/test_pipeline.py"),
    "planner": ("tests/unit/test_planner*.py", "tests/property/test_planner.py", "tests/usecases/test_plan.py"),
    "scenario": ("tests/unit/test_scenario*.py", "tests/unit/test_ranges.py", "tests/unit/test_overrides.py",
                 "tests/unit/test_explain_served.py", "tests/usecases/test_apart.py", "tests/verbs",
                 "tests/usecases/test_analyze.py", "tests/usecases/test_economics.py"),
    "mixers": ("tests/contract/test_mixers.py", "tests/unit/test_architecture*.py", "tests/unit/test_engine_lower.py",
               "tests/unit/test_engine_by_hand.py", "tests/contract/test_operator_counts.py",
               "tests/golden/test_kv_golden.py", "tests/property/test_architecture_properties.py"),
    "engines": ("tests/contract/test_engines.py", "tests/golden/test_engine_memory.py",
                "tests/unit/test_engine_by_hand.py"),
    "formulas": ("tests/contract", "tests/golden/test_lecture_*.py", "tests/golden/test_economics_*.py",
                 "tests/property/test_formulas_*.py"),
    "usecases/money": ("tests/usecases/test_money*.py", "tests/usecases/test_price.py",
                       "tests/usecases/test_break_even.py", "tests/usecases/test_economics.py",
                       "tests/usecases/test_speculate.py",
                       "tests/golden/test_economics_*.py"),
    "infer/forward.py": ("tests/infer/test_forward*.py", "tests/infer/test_evidence.py"),
}  # fmt: skip

# Lines without a fault: what they set has no right value, within bounds any will do.
EXCLUDED = {
    "_GRID = 72": "points of a curve that is drawn",
    "_POINTS = 28": "points of a frontier",
    "_FARTHEST = 1e9": "where a search for a crossing gives up",
    "_FARTHEST = 1e6": "where a search for a crossing gives up",
    "_MOST_LOOKED_AT = 12": "systems that are tried before a search gives up",
    "_IDLE = 1e-4  # of the highest rate: at so little a request meets nobody": "where a search begins",
    "_STEP = 4.0": "factor between the places where a search looks",
}

SWAPPED = {"minimum": "maximum", "maximum": "minimum", "min": "max", "max": "min", "floor": "ceil", "ceil": "floor"}
COMPARED = {ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "=="}
ADDED = {ast.Add: "-", ast.Sub: "+"}


@dataclass(frozen=True, slots=True)
class Fault:
    """One change of a file: the text from `start` to `stop` becomes `new`."""

    path: str
    line: int
    start: int
    stop: int
    new: str
    what: str


class _Places(ast.NodeVisitor):
    """Places of one file where a fault can be made; annotations, decorators and what is raised are left out."""

    def __init__(self, path: str, text: str) -> None:
        self.path, self.text, self.found = path, text, list[Fault]()
        self.starts = [0]
        for line in text.encode().splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))

    def at(self, line: int, column: int) -> int:
        """Offset in bytes."""
        return self.starts[line - 1] + column

    def span(self, node: ast.expr) -> tuple[int, int]:
        """From and to, in bytes."""
        return self.at(node.lineno, node.col_offset), self.at(node.end_lineno or 0, node.end_col_offset or 0)

    def add(self, node: ast.expr, start: int, stop: int, new: str) -> None:
        """Note a fault."""
        if self.text.splitlines()[node.lineno - 1].strip() in EXCLUDED:
            return
        old = self.text.encode()[start:stop].decode()
        self.found.append(
            Fault(self.path, node.lineno, start, stop, new, f"{old.strip()} -> {new.strip() or 'nothing'}")
        )

    def visit_Raise(self, node: ast.Raise) -> None: ...

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None: ...

    def visit_Subscript(self, node: ast.Subscript) -> None:
        self.visit(node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        for one in node.body:
            self.visit(one)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for one in node.body:
            self.visit(one)

    def visit_Constant(self, node: ast.Constant) -> None:
        if type(node.value) in (int, float) and node.value not in (float("inf"),):
            self.add(node, *self.span(node), repr(2 * node.value if node.value else 1))

    def visit_BinOp(self, node: ast.BinOp) -> None:
        left, right = self.span(node.left), self.span(node.right)
        between = self.text.encode()[left[1] : right[0]].decode()
        for kind, new in ADDED.items():
            if isinstance(node.op, kind) and between.count("+-"[kind is ast.Sub]) == 1:
                old = "+-"[kind is ast.Sub]
                self.add(node, left[1], right[0], between.replace(old, new))
        if isinstance(node.op, ast.Mult | ast.Div) and "(" not in between and ")" not in between:
            self.add(node, left[1], right[1], "")
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        left, right = self.span(node.left), self.span(node.comparators[0])
        between = self.text.encode()[left[1] : right[0]].decode()
        new = COMPARED.get(type(node.ops[0]))
        if new and "(" not in between and ")" not in between:
            self.add(node, left[1], right[0], f" {new} ")
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = node.func
        word = name.attr if isinstance(name, ast.Attribute) else name.id if isinstance(name, ast.Name) else ""
        if word in SWAPPED:
            stop = self.span(name)[1]
            self.add(node, stop - len(word), stop, SWAPPED[word])
        if word != "InputError":
            self.generic_visit(node)


def modules(area: str) -> list[Path]:
    """The files of an area that no narrower area has."""
    top = ROOT / SOURCE / area
    if top.is_file():
        return [top]
    narrower = {ROOT / SOURCE / other for other in AREAS if other != area and other.startswith(area + "/")}
    skipped = {"explain.py", "explain_text.py", "table.py", "__init__.py"}
    return [
        p for p in sorted(top.rglob("*.py")) if p not in narrower and p.name not in skipped and "lecture" not in p.parts
    ]


def faults(area: str) -> list[Fault]:
    """Every fault that can be made in an area, in the order of the text."""
    found: list[Fault] = []
    for path in modules(area):
        text = path.read_text(encoding="utf-8")
        places = _Places(path.relative_to(ROOT).as_posix(), text)
        places.visit(ast.parse(text))
        found += places.found
    return found


def sample(count: int, seed: int, only: tuple[str, ...] = ("",)) -> list[tuple[str, Fault]]:
    """A seeded draw from all faults of all areas."""
    every = [(area, fault) for area in AREAS if area.startswith(tuple(only)) for fault in faults(area)]
    return random.Random(seed).sample(every, min(count, len(every)))


def tests_of(area: str) -> list[str]:
    """The test files of an area that exist."""
    return [path.relative_to(ROOT).as_posix() for pattern in AREAS[area] for path in sorted(ROOT.glob(pattern))]


def passes(copy: Path, tests: list[str]) -> bool:
    """Whether tests pass in a copy; one that never ends does not."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-m", "not slow", *tests]
    kept = {**os.environ, "PYTHONPATH": str(copy / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(command, cwd=copy, env=kept, capture_output=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode in (0, 5)


def fate(copy: Path, area: str, fault: Fault) -> str:
    """caught by the area's tests, moved (seen by frozen predictions alone), or survived."""
    path = copy / fault.path
    good = path.read_bytes()
    path.write_bytes(good[: fault.start] + fault.new.encode() + good[fault.stop :])
    try:
        if not passes(copy, tests_of(area)):
            return "caught"
        return "survived" if passes(copy, list(LAST)) else "moved"
    finally:
        path.write_bytes(good)


def copied(folder: Path) -> Path:
    """The tree as it is, without what was built."""
    copy = folder / "tree"
    skip = shutil.ignore_patterns(".git", ".venv", "build", "__pycache__", ".*_cache", ".hypothesis", "node_modules")
    shutil.copytree(ROOT, copy, ignore=skip)
    return copy


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="+", default=("",), help="areas whose name starts so")
    parser.add_argument("--list", action="store_true")
    return parser.parse_args()


def _run(chosen: list[tuple[str, Fault]]) -> Iterator[tuple[str, str, Fault]]:
    with tempfile.TemporaryDirectory() as folder:
        copy = copied(Path(folder))
        for area in sorted({area for area, _ in chosen}):
            if not passes(copy, tests_of(area)):
                raise SystemExit(f"the tests of {area} fail without a fault")
        for area, fault in chosen:
            yield fate(copy, area, fault), area, fault


def main() -> int:
    """Draw, run, print."""
    asked = arguments()
    chosen = sample(asked.count, asked.seed, asked.only)
    if asked.list:
        for area, fault in chosen:
            print(f"{area}: {fault.path}:{fault.line}: {fault.what}")
        return 0
    began, fates = time.monotonic(), list[str]()
    for number, (word, _, fault) in enumerate(_run(chosen), 1):
        fates.append(word)
        print(f"{number:3} {word:9} {fault.path}:{fault.line}: {fault.what}", flush=True)
    shares = {word: fates.count(word) / len(fates) for word in ("caught", "moved", "survived")}
    print(
        f"{len(fates)} faults in {time.monotonic() - began:.0f} s: {shares['caught']:.0%} caught by the tests of their"
    )
    print(f"area, {shares['moved']:.0%} by the frozen predictions alone, {shares['survived']:.0%} survived")
    return 0


if __name__ == "__main__":
    sys.exit(main())
