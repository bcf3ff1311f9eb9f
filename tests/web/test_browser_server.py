"""What goes on between page and server: streams that stop, files that are read, a server that is gone for a while."""

import re
from typing import Any

import pytest
from web.browser import ROOT, Server, opened

pytestmark = pytest.mark.slow

SEARCH = "&view=machines&m=deepseek-v3&s=gb200-nvl72&vs=16xh200&tp=0&e=vllm"


def test_a_search_says_how_far_it_is_and_can_be_stopped(page: Any, server: Server) -> None:
    page.goto(f"{server.url}?v=1{SEARCH}")
    bar = page.locator("main .notebar")
    bar.get_by_role("button", name="Cancel").click()
    page.get_by_text("Cancelled").wait_for()
    assert page.locator("section svg.plot").count() == 0
    page.get_by_role("button", name="Ask again").click()
    bar.filter(has_text=re.compile(r"Searching on every machine: \d+ %")).wait_for()
    page.wait_for_selector("section[aria-label='Compare machines'] svg.plot")
    assert "tokens a second" in page.locator("h1.answer").inner_text()


def _drop(page: Any, name: str, content: bytes) -> None:
    files = [{"name": name, "mimeType": "application/json", "buffer": content}]
    page.locator(".drop input[type=file]").set_input_files(files)


def test_a_file_that_is_broken_is_said_to_be(page: Any, server: Server) -> None:
    opened(page, server, "&view=measure")
    _drop(page, "broken.json", b'{"model_id": "llama", \xff\xfe')
    page.wait_for_selector("main .notebar[role=alert]")
    said = page.locator("main .notebar[role=alert]").first.inner_text()
    assert len(said.split()) >= 5 and "Traceback" not in said
    assert page.locator(".drop").count() == 1


def test_a_result_file_is_judged(page: Any, server: Server) -> None:
    opened(page, server, "&view=measure")
    with page.expect_response(lambda answer: answer.url.endswith("/compare")) as asked:
        _drop(page, "sweep.csv", (ROOT / "examples/results/sweep.csv").read_bytes())
    page.wait_for_selector("section[aria-label=Measure] svg.plot")
    said, first = page.locator("h1.answer").inner_text(), asked.value.json()["sentence"].partition(".")[0]
    assert said.startswith(first) and re.search(r"\d+ of 16 runs", first)
    # eight at the lengths of the curve, eight at others
    assert (page.locator(".diamond").count(), page.locator("svg.plot .open-dot").count()) == (8, 8)
    assert "slower" in page.locator("section[aria-label=Numbers]").inner_text()
    page.locator("section[aria-label=Measure] text", has_text="calibrated").wait_for()
    assert page.locator("path.line").count() == 2
    assert "on results left out" in page.locator("section[aria-label=Calibration]").inner_text()
    assert page.locator(".gap-row").count() > 10
    assert "sweep.csv:4" in page.locator("section[aria-label='All runs']").inner_text()


def test_a_trace_is_read_and_played(page: Any, server: Server) -> None:
    opened(page, server, "&view=simulate&m=llama-3.1-8b&s=h100&tp=1&e=vllm&isl=256&osl=64&rate=2")
    rows = [f"2026-11-01 10:00:{at / 2:09.6f},{300 + at},40" for at in range(119)]
    _drop(page, "mine.csv", "\n".join(["TIMESTAMP,ContextTokens,GeneratedTokens", *rows]).encode())
    page.get_by_text("Trace mine.csv").wait_for()
    page.locator(".because", has_text="of 119 requests").wait_for()
    assert "upload" not in page.url


def test_a_server_that_is_gone_is_said_and_found_again(browser: Any, server: Server) -> None:
    own = Server()
    context = browser.new_context(viewport={"width": 1280, "height": 860})
    found = context.new_page()
    found.set_default_timeout(60_000)
    try:
        opened(found, own, "")
        own.stop()
        # a question in the middle of which nobody answers any more
        found.locator("summary", has_text="Engine").click()
        found.get_by_label("Serving engine").select_option("vllm")
        note = found.locator("main .notebar[role=alert]")
        note.wait_for()
        assert "The server stopped answering" in note.inner_text()
        assert found.get_by_role("button", name="Try again").is_visible()
        assert found.locator("figure.dim svg.plot").count() == 1
        own.start()
        note.wait_for(state="detached")
        assert found.locator("figure.dim").count() == 0
        assert "vLLM" in found.locator("aside.dock").inner_text()
    finally:
        context.close()
        own.stop()


def test_a_view_that_fails_says_so_and_another_scenario_tries_anew(browser: Any, server: Server) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 860})
    found = context.new_page()
    found.set_default_timeout(60_000)
    # an answer that no server gives: the page is handed a train of thought without numbers
    found.route("**/api/v1/train", lambda route: route.fulfill(json={"model": "x"}), times=1)
    found.goto(f"{server.url}?v=1&view=training")
    found.locator("h1.answer", has_text="cannot be drawn").wait_for()
    assert found.locator("main [role=alert]").is_visible() and found.locator("aside.dock").is_visible()
    found.get_by_role("link", name="Blackboard").click()
    found.locator("section[aria-label=Blackboard] svg.plot").wait_for()
    context.close()
