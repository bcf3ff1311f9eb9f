"""Every chart is saved by one function: the same drawing as svg, png and html, whole or not at all."""

import re
from pathlib import Path

import pytest

from tokenroof.errors import InputError
from tokenroof.present.charts.style import ENDINGS, check_ending, new_figure, save_figure


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One figure, saved under each ending."""
    top = tmp_path_factory.mktemp("charts")
    figure, axes = new_figure(1, 1, width=4, height=3)
    axes[0, 0].plot([1, 2], [3, 4], label="weight reads")
    axes[0, 0].legend()
    for ending in ENDINGS:
        save_figure(figure, top / f"page{ending}", title="time <of> a step", words="floor & roof")
    return top


def test_nothing_else_is_left_behind(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == ["page.html", "page.png", "page.svg"]


def test_svg_keeps_text_as_text(folder: Path) -> None:
    text = (folder / "page.svg").read_text(encoding="utf-8")
    assert text.startswith("<?xml") and ">weight reads<" in text


def test_png_is_one(folder: Path) -> None:
    assert (folder / "page.png").read_bytes().startswith(b"\x89PNG")


def test_html_holds_drawing_and_words_and_needs_no_network(folder: Path) -> None:
    text = (folder / "page.html").read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>") and ">weight reads<" in text
    assert "<title>time &lt;of&gt; a step</title>" in text and "<pre>floor &amp; roof</pre>" in text
    assert not re.search(r'(?:src|href)="https?:', text)


def test_other_endings_and_missing_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\.svg"):
        check_ending(tmp_path / "page.pdf")
    with pytest.raises(InputError, match="directory"):
        check_ending(tmp_path / "none" / "page.svg")


def test_no_verb_saves_its_charts_in_another_way(repo_root: Path) -> None:
    style = repo_root / "src/tokenroof/present/charts/style.py"
    others = [p for p in (repo_root / "src").rglob("*.py") if p != style]
    assert not [path.name for path in others if "savefig(" in path.read_text(encoding="utf-8")]
