"""House rules that no linter knows: short modules, nothing left open, one place for binary prefixes."""

import ast
import re
from pathlib import Path

import pytest

LIMIT = 400
LONGER: dict[str, str] = {}  # path below src/tokenroof -> why it is one thing and stays whole
OPEN_MARKS = re.compile("|".join(("TO" + "DO", "FIX" + "ME", "X" * 3)))
BINARY = {1024**power for power in range(1, 6)}


@pytest.fixture(scope="module")
def sources(repo_root: Path) -> dict[str, str]:
    top = repo_root / "src/tokenroof"
    return {p.relative_to(top).as_posix(): p.read_text(encoding="utf-8") for p in sorted(top.rglob("*.py"))}


def test_modules_are_short(sources: dict[str, str]) -> None:
    lengths = {name: text.count("\n") for name, text in sources.items()}
    assert {name: n for name, n in lengths.items() if n > LIMIT and name not in LONGER} == {}
    assert [name for name in LONGER if lengths.get(name, 0) <= LIMIT] == [], "exceptions that are none any more"


def test_nothing_is_left_open(sources: dict[str, str]) -> None:
    found = [
        f"{name}:{number}: {line.strip()}"
        for name, text in sources.items()
        for number, line in enumerate(text.splitlines(), 1)
        if OPEN_MARKS.search(line)
    ]
    assert found == []


def _is_1024(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and not isinstance(node.value, str | bytes) and node.value == 1024


def _binary_factors(text: str) -> list[int]:
    """Lines that scale by a binary prefix: 1024 as a factor, divisor or base, its powers, 2**30, 1 << 30.

    A plain 1024 is a count (tokens, sequences, draws) and no prefix.
    """
    lines = []
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Constant(value) if not isinstance(value, str | bytes) and value in BINARY - {1024}:
                lines.append(node.lineno)
            case ast.BinOp(left, ast.Mult() | ast.Div() | ast.FloorDiv() | ast.Pow(), right):
                lines += [node.lineno] if _is_1024(left) or _is_1024(right) else []
        match node:
            case ast.BinOp(ast.Constant(2 | 2.0), ast.Pow(), ast.Constant(int(power))):
                lines += [node.lineno] if power in (10, 20, 30, 40, 50) else []
            case ast.BinOp(ast.Constant(1), ast.LShift(), ast.Constant(int(power))):
                lines += [node.lineno] if power in (10, 20, 30, 40, 50) else []
    return lines


def test_only_units_knows_binary_prefixes(sources: dict[str, str]) -> None:
    found = {name: lines for name, text in sources.items() if (lines := _binary_factors(text))}
    found.pop("units.py", None)
    assert found == {}


@pytest.mark.parametrize(
    "line",
    ["x = 1_024.0 * n", "x = n / 1024", "x = 1024**3 * n", "x = 2**30", "x = 1 << 20", "x = 1048576", "x = 1073741824"],
)
def test_the_check_for_binary_factors_sees(line: str) -> None:
    assert _binary_factors(line) == [1]


@pytest.mark.parametrize(
    "line", ["x = 1e9", "x = 1000 * n", "x = 2**3", "x = 10240", "most = 1024", "x = '1024'", "y = 65_536  # not 1024"]
)
def test_the_check_for_binary_factors_lets_pass(line: str) -> None:
    assert _binary_factors(line) == []


def _reads(node: ast.Call) -> bool:
    """Whether a call opens or parses a file; opening one to write is none of it."""
    match node.func:
        case ast.Attribute(ast.Name("os"), "open"):
            return False  # a descriptor of a folder or of the null device
        case ast.Name("open") | ast.Attribute(_, "open"):
            modes = [
                one.value for one in (*node.args, *(k.value for k in node.keywords)) if isinstance(one, ast.Constant)
            ]
            return not {"w", "wb", "a", "x"} & {mode for mode in modes if isinstance(mode, str)}
        case ast.Attribute(ast.Name("json" | "tomllib" | "gzip" | "lzma" | "bz2" | "zipfile" | "pickle"), name):
            return name in ("load", "loads", "decompress", "GzipFile", "JSONDecoder")
        case ast.Attribute(_, "read_text" | "read_bytes"):
            return not node.args  # with one it counts the bytes of a cache
    return False


def test_files_are_read_in_one_place(sources: dict[str, str]) -> None:
    """Caps on size, length of lines, unpacking and depth hold for every door, since none goes round `reading`."""
    lines_of_json = {"simulate/traces/lines.py", "simulate/traces/bench_output.py"}  # of a text that `reading` gave
    network = {"measure/scraping.py"}  # has limits of its own, and opens no file
    found = [
        f"{name}:{node.lineno}: {ast.unparse(node)[:80]}"
        for name, text in sources.items()
        if name != "reading.py" and name not in lines_of_json | network
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and _reads(node)
    ]
    assert found == []
    assert any(isinstance(n, ast.Call) and _reads(n) for n in ast.walk(ast.parse(sources["reading.py"])))
