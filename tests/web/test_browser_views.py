"""Every view from its permalink: drawn, offline, explained, accessible in both themes, and on a phone."""

from typing import Any

import pytest
from web.browser import VIEWS, Server, axe_faults, opened

pytestmark = pytest.mark.slow

# what a link of the view says beside its name: two machines are as good a comparison as five
MORE = {"machines": "&vs=8xb200"}
# view -> numbers that open an explanation, at least; each is opened and compared with what the verb itself answers
NUMBERS = {
    "blackboard": 3, "context": 1, "operators": 1, "layout": 7, "training": 7, "plan": 4, "machines": 11, "money": 3,
    "speculation": 2, "deduce": 12,
}  # fmt: skip


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_opens_from_its_link(view: str, page: Any, server: Server) -> None:
    """One load for all checks: the answer, its numbers, axe in both themes, 360 pixels, and no other machine."""
    opened(page, server, f"&view={view}{MORE.get(view, '')}")
    answer = page.locator("h1.answer").first
    assert len(answer.inner_text().split()) >= 6
    assert f"view={view}" in page.url or view == "blackboard"
    assert page.locator("nav.sub a[aria-current=page]").count() == 1
    _every_number_says_what_the_server_says(view, page)

    assert axe_faults(page) == []
    page.get_by_role("button", name="Dark", exact=True).click()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert axe_faults(page) == []

    page.set_viewport_size({"width": 360, "height": 800})
    page.wait_for_timeout(150)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert answer.is_visible()


def _every_number_says_what_the_server_says(view: str, page: Any) -> None:
    numbers = page.locator("main .number")
    names = list(dict.fromkeys(numbers.evaluate_all("all => all.map(one => one.dataset.number)")))
    assert len(names) >= NUMBERS.get(view, 0), names
    for name in names:
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
