"""The dependency list is a decision: this copy has to be changed with it."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

CORE = {"click", "matplotlib", "numpy", "pydantic", "rich"}
EXTRAS = {
    "export": {"pyarrow", "xarray"},
    "cluster": {"dask", "distributed", "pyarrow"},
    "prices": {"genai-prices"},
    "hub": {"huggingface_hub"},
    "formats": {"prometheus-client", "pyyaml"},
    "web": {"fastapi", "uvicorn"},
    "torch": {"torch"},
    "loop": {"gguf", "llama-cpp-python"},
    "oracle": {"torch", "transformers"},
    "dev": {
        "build",
        "dask",
        "distributed",
        "hatchling",
        "httpx2",
        "hypothesis",
        "import-linter",
        "mypy",
        "playwright",
        "pre-commit",
        "prometheus-client",
        "pyarrow",
        "pytest",
        "pytest-benchmark",
        "pytest-xdist",
        "pyyaml",
        "ruff",
        "schemathesis",
        "scipy",
        "xarray",
    },
    "docs": {"furo", "myst-parser", "sphinx"},
}
# torch is several GB, and only GPU probes and the oracle use it: the user picks the build. The oracle is held to the
# modelling library of the day, the loop to the engine of the day.
UNPINNED = {"torch", "transformers", "gguf", "llama-cpp-python"}


def _name(requirement: str) -> str:
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert match, requirement
    return match.group()


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.fixture(scope="module")
def project(repo_root: Path) -> dict[str, Any]:
    table: dict[str, Any] = tomllib.loads((repo_root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return table


@pytest.fixture(scope="module")
def pins(repo_root: Path) -> dict[str, str]:
    lines = (repo_root / "constraints/py311.txt").read_text(encoding="utf-8").splitlines()
    entries = [line for line in lines if line and not line.startswith("#")]
    odd = [line for line in entries if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", line)]
    assert odd == [], "a constraints file holds names and exact versions, no addresses and no options"
    return {_normal(name): version for name, version in (line.split("==") for line in entries)}


def test_core_dependencies(project: dict[str, Any]) -> None:
    assert {_name(each) for each in project["dependencies"]} == CORE


def test_optional_dependencies(project: dict[str, Any]) -> None:
    found = {extra: {_name(each) for each in wanted} for extra, wanted in project["optional-dependencies"].items()}
    assert found == EXTRAS


def test_every_dependency_has_a_lower_bound_and_a_pin(project: dict[str, Any], pins: dict[str, str]) -> None:
    wanted = list(project["dependencies"])
    for extra in project["optional-dependencies"].values():
        wanted += extra
    assert [each for each in wanted if ">=" not in each] == []
    unpinned = {_normal(_name(each)) for each in wanted} - set(pins)
    assert unpinned == UNPINNED


def test_floors_that_were_measured(project: dict[str, Any]) -> None:
    """`click.ParamType[int]` is a TypeError on click 8.1.7 to 8.3.3; price rows were read with 0.2.3."""
    assert [each for each in project["dependencies"] if _name(each) == "click"] == ["click>=8.4"]
    assert project["optional-dependencies"]["prices"] == ["genai-prices>=0.2.3"]


def test_version_is_said_once(project: dict[str, Any]) -> None:
    import tokenroof

    assert tokenroof.__version__ == project["version"]
