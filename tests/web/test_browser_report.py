"""A report opened from disk: no server, nothing asked, and its handles can still be dragged."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from web.browser import Watched, axe_faults

from tokenroof.cli.main import cli

pytestmark = pytest.mark.slow


def test_a_report_is_dragged_from_disk(browser: Any, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    command = "report blackboard llama-3.3-70b --system 8xh100 --tp 8 --isl 2048 --osl 512"
    CliRunner().invoke(cli, [*command.split(), "-o", str(file)], catch_exceptions=False)
    assert file.stat().st_size <= 400_000
    context = browser.new_context(viewport={"width": 1280, "height": 860}, offline=True, reduced_motion="reduce")
    page = context.new_page()
    watched = Watched(page, file.as_uri())
    page.goto(file.as_uri())
    page.wait_for_selector("section[aria-label=Blackboard] svg.plot")
    before = page.locator("h1.answer").inner_text()
    assert "Llama-3.3-70B" in page.locator("aside.dock").inner_text()
    assert "2,048 in, 512 out" in page.locator("aside.dock").inner_text()
    box = page.get_by_role("slider", name="Batch", exact=True).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 120, y, steps=4)
    page.mouse.up()
    assert page.locator("h1.answer").inner_text() != before
    page.locator("h1.answer .number").first.click()
    page.locator("aside.explain", has_text="This page is a report").wait_for()
    assert axe_faults(page) == []
    context.close()
    assert not watched.foreign and not watched.errors
