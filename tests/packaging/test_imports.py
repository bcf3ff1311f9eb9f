"""What importing costs: heavy packages load inside the verb that needs them, never before."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("numpy", "pydantic", "rich", "matplotlib", "fastapi", "pyarrow", "xarray", "dask", "scipy", "torch")


def _loaded_after(code: str) -> set[str]:
    """Top-level names in sys.modules of a fresh interpreter that ran `code`."""
    tail = "\nimport sys\nprint('\\n' + ' '.join(sorted({name.partition('.')[0] for name in sys.modules})))"
    done = subprocess.run([sys.executable, "-c", code + tail], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_import_tokenroof_loads_nothing_heavy() -> None:
    assert _loaded_after("import tokenroof") & {*HEAVY, "click"} == set()


def _loaded_by(*words: str) -> set[str]:
    """The same after a command."""
    return _loaded_after(
        "import sys\n"
        f"sys.argv = ['tokenroof', *{words!r}]\n"
        "from tokenroof.cli.main import main\n"
        "try:\n    main()\n"
        "except SystemExit as stop:\n    assert not stop.code, stop.code\n"
    )


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_cli_without_a_verb_loads_nothing_heavy(option: str) -> None:
    assert _loaded_by(option) & set(HEAVY) == set()


def test_a_page_on_one_deployment_needs_no_arrays() -> None:
    """numpy is a fifth of what the whole answer takes: it is for grids and random arrivals."""
    assert _loaded_by("analyze", "llama-3.1-8b", "--system", "h100") & set(HEAVY) == set()


def test_every_public_name_resolves() -> None:
    import tokenroof

    for name in tokenroof.__all__:
        assert getattr(tokenroof, name) is not None
    assert set(tokenroof.__all__) <= set(dir(tokenroof))
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = tokenroof.no_such_name


def test_formulas_and_types_import_the_standard_library_only(repo_root: Path) -> None:
    """import-linter forbids a list of packages; this forbids all that are not ours or Python's."""
    allowed = sys.stdlib_module_names | {"tokenroof"}
    foreign = []
    for floor in ("formulas", "types"):
        for path in sorted((repo_root / "src/tokenroof" / floor).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = []
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom) and node.level == 0:
                    names = [node.module or ""]
                foreign += [f"{path.name}: {name}" for name in names if name.partition(".")[0] not in allowed]
    assert foreign == []
