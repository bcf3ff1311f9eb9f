"""The wheel holds the package, its data and nothing else."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath

import pytest

DATA = "tokenroof/catalog/data/"


@pytest.fixture(scope="module")
def wheel(repo_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The one that `make test` has just built, or else one of our own."""
    built = os.environ.get("TOKENROOF_WHEEL_FOLDER")
    if built:
        (wheel,) = (repo_root / built).glob("tokenroof-*.whl")
        return wheel
    pytest.importorskip("hatchling", reason="hatchling builds the wheel")
    out = tmp_path_factory.mktemp("wheel")
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(out)],
        cwd=repo_root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = out.glob("tokenroof-*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel_names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_wheel_holds_the_catalogue(wheel_names: set[str], repo_root: Path) -> None:
    source = repo_root / "src" / DATA
    expected = {
        DATA + path.relative_to(source).as_posix()
        for path in source.rglob("*")
        if path.suffix in {".toml", ".json", ".csv"}
    }
    assert expected, "the catalogue is empty"
    assert expected <= wheel_names


def test_wheel_holds_every_module_and_the_type_marker(wheel_names: set[str], repo_root: Path) -> None:
    source = repo_root / "src"
    modules = {path.relative_to(source).as_posix() for path in (source / "tokenroof").rglob("*.py")}
    assert modules | {"tokenroof/py.typed"} <= wheel_names


def test_wheel_holds_nothing_else(wheel_names: set[str]) -> None:
    tops = {PurePosixPath(name).parts[0] for name in wheel_names}
    assert {top for top in tops if top != "tokenroof" and not top.endswith(".dist-info")} == set()
    assert [name for name in wheel_names if "__pycache__" in name or name.endswith(".pyc")] == []
    assert [name for name in wheel_names if name.endswith("licenses/LICENSE")] != []
