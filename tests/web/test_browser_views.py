"""Every view from its permalink: drawn, offline, explained, accessible in both themes, and on a phone."""

from typing import Any

import pytest
from web.browser import VIEWS, Server, axe_faults, opened
from web.copied import accepted_by_python, accepted_by_the_api, accepted_by_the_command_line

pytestmark = pytest.mark.slow

# what a link of the view says beside its name: two machines are as good a comparison as five
MORE = {"machines": "&vs=8xb200"}
# view -> numbers that open an explanation, at least; each is opened and compared with what the verb itself answers
NUMBERS = {
    "blackboard": 3, "context": 2, "operators": 2, "layout": 7, "training": 7, "plan": 4, "machines": 11, "money": 6,
    "speculation": 2, "deduce": 12,
}  # fmt: skip
OPENED = 8  # of one view: every kind of number, and not every row


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_opens_from_its_link(view: str, page: Any, server: Server) -> None:
    """One load for all checks: the answer, its numbers, axe in both themes, 360 pixels, and no other machine."""
    opened(page, server, f"&view={view}{MORE.get(view, '')}")
    answer = page.locator("h1.answer").first
    assert len(answer.inner_text().split()) >= 6
    assert f"view={view}" in page.url or view == "blackboard"
    assert page.locator("nav.sub a[aria-current=page]").count() == 1
    if view == "deduce":  # no fact of this sheet speaks of the cache itself
        assert page.locator(".source-row", has_text="KV: prior").count() == 1
    _every_number_says_what_the_server_says(view, page)
    _every_chart_is_a_table_too(page)
    _copies_are_understood_elsewhere(page)

    assert axe_faults(page) == []
    page.get_by_role("button", name="Dark", exact=True).click()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert axe_faults(page) == []

    page.set_viewport_size({"width": 360, "height": 800})
    page.wait_for_timeout(150)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert answer.is_visible()
    _handles_obey_the_keyboard(page)


def _every_chart_is_a_table_too(page: Any) -> None:
    figures = page.locator("figure:has(svg.plot)")
    for at in range(figures.count()):
        figures.nth(at).get_by_role("button", name="Table", exact=True).click()
    if figures.count() == 0 and page.locator("figure").count():
        assert page.locator("figure table tbody tr").count() >= 2
        page.get_by_role("button", name="Chart", exact=True).first.click()


def _copies_are_understood_elsewhere(page: Any) -> None:
    """Every option, argument and field that the page writes for other doors is one of theirs."""
    doors = (
        ("Command line", accepted_by_the_command_line), ("Python", accepted_by_python), ("curl", accepted_by_the_api),
    )  # fmt: skip
    verbs = set()
    for name, accepted in doors:
        page.get_by_role("button", name="Copy as …").click()
        item = page.get_by_role("menuitem", name=name, exact=True)
        if item.count() == 0:
            assert "view=learn" in page.url, "the lecture has no Python function"
            page.keyboard.press("Escape")
            continue
        item.click()
        page.get_by_text(f"{name} copied").wait_for()
        verbs.add(accepted(page.evaluate("navigator.clipboard.readText()")).replace("-", "_"))
    assert len(verbs) == 1


def _handles_obey_the_keyboard(page: Any) -> None:
    """On the charts: what is moved changes, and so does the link."""
    handles = page.locator("div[role=slider]")
    for at in range(handles.count()):
        before, link = handles.nth(at).get_attribute("aria-valuenow"), page.url
        handles.nth(at).focus()
        page.keyboard.press("ArrowLeft")
        page.wait_for_function("link => location.href !== link", arg=link)
        assert handles.nth(at).get_attribute("aria-valuenow") != before
        assert len(handles.nth(at).get_attribute("aria-valuetext").split()) >= 3


def _every_number_says_what_the_server_says(view: str, page: Any) -> None:
    numbers = page.locator("main .number")
    names = list(dict.fromkeys(numbers.evaluate_all("all => all.map(one => one.dataset.number)")))
    assert len(names) >= NUMBERS.get(view, 0), names
    for name in names[:OPENED]:
        with page.expect_response(lambda answer: "/explain/" in answer.url) as asked:
            page.locator(f".number[data-number='{name}']").first.click()
        said = asked.value.json()
        assert asked.value.ok, (name, said)
        panel = page.locator("aside.explain")
        panel.locator(f"[data-explain-value='{_javascript(said['value'])}']").wait_for()
        assert panel.locator(".input").count() == len(said["inputs"]) > 0, name
        assert panel.locator(".formula, .formula-prose").count() >= 1, name
    if names:
        page.keyboard.press("Escape")
        page.locator("aside.explain").wait_for(state="detached")


def _javascript(value: float) -> str:
    """A number as the page writes it."""
    if value != int(value):
        return repr(float(value))
    return str(int(value)) if abs(value) < 1e21 else repr(float(value))


@pytest.mark.parametrize("view", ["speculation", "money", "simulate"])
def test_what_cannot_be_served_is_an_answer_of_every_view(view: str, page: Any, server: Server) -> None:
    """The page's own errors would fail the fixture."""
    page.goto(f"{server.url}?v=1&view={view}&m=deepseek-r1&s=h100&tp=0")
    page.locator("h1.answer", has_text="Nothing is served: its weights alone need").wait_for()


def test_flashcards_ask_first_and_slips_have_their_right_form(page: Any, server: Server) -> None:
    opened(page, server, "&view=learn&chapter=flashcards")
    first = page.locator(".claim-card:has(form)").first.get_attribute("aria-label")
    card = page.get_by_role("article", name=first, exact=True)
    assert "Answer" not in card.inner_text()
    card.get_by_label("Your guess").fill("1")
    card.get_by_role("button", name="Reveal").click()
    said = card.inner_text()
    assert "Answer" in said and ("too low" in said or "too high" in said or "within a tenth" in said)
    page.get_by_role("navigation", name="Chapters").get_by_role("button", name="Batch size").click()
    slips = page.locator(".claim-card", has_text="a slip")
    assert slips.count() >= 1 and slips.count() == page.locator(".claim-card", has_text="Right is").count()
