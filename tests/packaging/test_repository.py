"""What a repository owes its readers: one version everywhere, a way to cite and to report, terms of the data."""

import re
import tomllib
from pathlib import Path

import tokenroof


def test_one_version_everywhere(repo_root: Path) -> None:
    project = tomllib.loads((repo_root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    cited = re.search(r"^version: (\S+)$", (repo_root / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE)
    assert cited is not None
    assert project["version"] == cited[1] == tokenroof.__version__


def test_citation_has_the_licence_of_the_package(repo_root: Path) -> None:
    project = tomllib.loads((repo_root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert f"license: {project['license']}\n" in (repo_root / "CITATION.cff").read_text(encoding="utf-8")


def test_terms_of_every_family_of_data_are_listed(repo_root: Path) -> None:
    page = (repo_root / "docs/reference/data-licences.md").read_text(encoding="utf-8")
    for path in (repo_root / "src/tokenroof/catalog/data").iterdir():
        if path.name != "__pycache__":
            assert re.search(rf"^\|[^|]*`{re.escape(path.name)}`", page, re.MULTILINE), path.name


def test_issue_templates_name_what_they_are_for(repo_root: Path) -> None:
    found = sorted((repo_root / ".github/ISSUE_TEMPLATE").glob("*.md"))
    assert len(found) == 3
    for path in found:
        head = path.read_text(encoding="utf-8").split("---")[1]
        assert "name: " in head and "about: " in head
