"""The blackboard under hand and keyboard: numbers, link and explanation follow."""

import json
import re
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest
from click.testing import CliRunner
from web.browser import ROOT, Server, opened

from tokenroof.cli.main import cli

pytestmark = pytest.mark.slow


def _query(page: Any) -> dict[str, str]:
    return {key: values[0] for key, values in parse_qs(urlparse(page.url).query).items()}


def _said(page: Any) -> str:
    return str(page.locator("h1.answer").inner_text())


def test_dragging_moves_the_numbers_and_the_link(page: Any, server: Server) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    opened(page, server, "")
    assert not [one for one in asked if one.endswith("/curves")], "the first answer comes with the page"
    before = _said(page)
    box = page.get_by_role("slider", name="Batch", exact=True).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 150, y, steps=6)
    during = _said(page)
    page.mouse.up()
    page.evaluate("() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
    assert during != before
    batch = int(_query(page)["b"])
    assert 1 <= batch < 64
    assert re.search(rf"With {batch} users", _said(page))
    assert page.locator("#batch-number").input_value() == str(batch)
    page.get_by_role("button", name="Undo").click()
    assert _said(page) == before and "b" not in _query(page)
    page.get_by_role("button", name="Redo").click()
    assert _query(page)["b"] == str(batch)
    page.go_back()
    page.locator("h1.answer", has_text="With 64 users").wait_for()


def test_the_keyboard_does_the_same(page: Any, server: Server) -> None:
    opened(page, server, "&b=60")
    handle = page.get_by_role("slider", name="Batch", exact=True)
    handle.focus()
    for key, batch in (("ArrowRight", 63), ("PageDown", 32), ("Home", 1), ("ArrowRight", 2)):
        page.keyboard.press(key)
        assert handle.get_attribute("aria-valuenow") == str(batch)
        assert _query(page)["b"] == str(batch)
        assert handle.get_attribute("aria-valuetext").startswith(f"{batch} sequences: ")
    page.keyboard.press("End")
    # the end is the memory wall, not that of the axis
    assert int(handle.get_attribute("aria-valuenow")) == int(handle.get_attribute("aria-valuemax"))
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Batch"


def test_what_does_not_fit_is_an_answer_and_the_link_keeps_what_was_asked(page: Any, server: Server) -> None:
    opened(page, server, "&b=200&c=65536")
    assert re.match(r"Memory holds \d+ users, not 200;", _said(page))
    assert _query(page)["b"] == "200"
    assert "asked" in page.locator(".slider-value").first.inner_text()


def test_an_explanation_is_that_of_the_command_line(page: Any, server: Server) -> None:
    opened(page, server, "&b=48")
    number = page.locator("h1.answer .number[data-number=cost]")
    number.click()
    shown = page.wait_for_selector("[data-explain-value]")
    value = float(shown.get_attribute("data-explain-value"))
    command = (
        "analyze deepseek-r1 --system 8xh200 --engine sglang --tp 8 --isl 1024 --osl 8192 --tpot 50ms --batch 48 "
        "--explain cost_output_usd_per_mtok --json"
    )
    said = json.loads(CliRunner().invoke(cli, command.split(), catch_exceptions=False).stdout)
    assert value == pytest.approx(said["value"], rel=1e-12)
    panel = page.locator("aside.explain").inner_text()
    for one in said["inputs"]:
        assert one["source"] in panel and one["grade"] in panel
    assert page.locator("aside.explain math").count() == 2
    assert _query(page)["x"] == "cost"
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Close"
    page.keyboard.press("Escape")
    page.locator("aside.explain").wait_for(state="detached")
    assert page.evaluate("document.activeElement.dataset.number") == "cost"
    assert "x" not in _query(page)


def test_a_table_pins_and_files(page: Any, server: Server) -> None:
    opened(page, server, "")
    page.get_by_role("button", name="Table", exact=True).click()
    rows = page.locator("figure table tbody tr")
    assert rows.count() >= 6 and _query(page)["fig"] == "table"
    page.get_by_role("button", name="Chart", exact=True).click()
    page.get_by_role("button", name="Pin to compare").click()
    page.get_by_role("slider", name="Batch", exact=True).focus()
    page.keyboard.press("PageDown")
    pinned = page.locator("section[aria-label='Pinned scenarios']")
    assert pinned.locator("tbody tr").count() == 2
    assert "batch" in pinned.inner_text()
    for more in range(3):
        page.get_by_role("button", name="Pin to compare").click()
        page.get_by_role("slider", name="Batch", exact=True).focus()
        page.keyboard.press("ArrowRight")
        assert pinned.locator("tbody tr").count() == 3 + more
    assert page.get_by_role("button", name="Pin to compare").is_disabled(), "four are compared at most"
    page.set_viewport_size({"width": 360, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.set_viewport_size({"width": 1280, "height": 860})
    for name in "BCD":
        pinned.get_by_role("button", name=f"Remove {name}").click()
    pinned.get_by_role("button", name="Swap").click()
    assert "b" not in _query(page), "A has the batch of the default"
    page.get_by_role("button", name="Undo").click()
    assert page.locator("svg.plot [data-pin=A] path.pinned-line").count() == 2
    for kind in ("SVG", "PNG", "CSV", "JSON"):
        page.get_by_role("button", name="Save").click()
        with page.expect_download() as download:
            page.get_by_role("menuitem", name=kind).click()
        content = download.value.path().read_bytes()
        assert download.value.suggested_filename.endswith(f".{kind.lower()}") and len(content) > 200
        if kind == "SVG":
            assert b"var(--" not in content and b"DeepSeek-R1" in content and b"tokenroof 0" in content


def test_a_link_that_says_nonsense_is_told_so(page: Any, server: Server) -> None:
    opened(page, server, "&b=-4&colour=red")
    notes = " ".join(page.locator(".notebar").all_inner_texts())
    assert "b=-4" in notes and "colour" in notes
    page.get_by_role("slider", name="Batch", exact=True).focus()
    page.keyboard.press("PageDown")
    assert _query(page)["colour"] == "red"


def test_an_answer_that_comes_while_somebody_types_does_not_write_over_it(page: Any, server: Server) -> None:
    waiting: list[Any] = []
    page.route("**/api/v1/systems*", lambda route: waiting.append(route))  # noqa: PLW0108 (it marks what it is given)
    opened(page, server, "")
    page.locator("summary", has_text="Model").click()
    page.get_by_label("Model of the catalogue").fill("deepseek-r9")
    with page.expect_response("**/api/v1/systems*"):
        for route in waiting:
            route.continue_()
    page.locator("#d-system-list option").first.wait_for(state="attached")
    assert page.get_by_label("Model of the catalogue").input_value() == "deepseek-r9"


def test_a_model_that_does_not_exist_is_said_and_the_nearest_or_ones_own_is_taken(page: Any, server: Server) -> None:
    opened(page, server, "")
    page.locator("summary", has_text="Model").click()
    page.get_by_label("Model of the catalogue").fill("deepseek-r9")
    page.get_by_label("Model of the catalogue").press("Enter")
    page.wait_for_selector("main .notebar[role=alert]")
    assert "deepseek-r9" in page.locator("main .notebar[role=alert]").inner_text()
    assert page.locator("figure.dim svg.plot").count() == 1
    page.locator("main .notebar").get_by_role("button", name="deepseek-r1", exact=True).click()
    page.locator("figure:not(.dim) svg.plot").wait_for()
    config = ROOT / "tests/fixtures/configs/cohere.json"
    page.get_by_label("Or a config.json of your own").set_input_files(config)
    page.locator("aside.dock summary", has_text="upload").wait_for()
    page.locator("figure:not(.dim) svg.plot").wait_for()
    assert _query(page)["m"].startswith("upload:"), "a link names the upload, and nothing of it"
