"""Every view from its permalink: drawn, offline, accessible in both themes, and on a phone."""

from typing import Any

import pytest
from web.browser import VIEWS, Server, axe_faults, browser, opened, page, server

__all__ = ["browser", "page", "server"]  # fixtures

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_opens_from_its_link(view: str, page: Any, server: Server) -> None:
    """One load for all checks: the answer, axe in both themes, 360 pixels, and no other machine (the fixture)."""
    opened(page, server, f"&view={view}")
    answer = page.locator("h1.answer").first
    assert len(answer.inner_text().split()) >= 6
    assert f"view={view}" in page.url or view == "blackboard"
    assert page.locator("nav.sub a[aria-current=page]").count() == 1

    assert axe_faults(page) == []
    page.get_by_role("button", name="Dark", exact=True).click()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert axe_faults(page) == []

    page.set_viewport_size({"width": 360, "height": 800})
    page.wait_for_timeout(150)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert answer.is_visible()


# number of a sentence -> what the verb itself answers; each is opened and compared with it
WALKED = {"blackboard": 3, "plan": 2, "money": 3}


@pytest.mark.parametrize("view", WALKED)
def test_every_number_of_a_sentence_opens_what_the_server_says(view: str, page: Any, server: Server) -> None:
    opened(page, server, f"&view={view}")
    names = list(dict.fromkeys(one.get_attribute("data-number") for one in page.locator(".number").all()))
    assert len(names) >= WALKED[view]
    for name in names:
        with page.expect_response(lambda answer: "/explain/" in answer.url) as asked:
            page.locator(f".number[data-number='{name}']").first.click()
        said = asked.value.json()
        shown = page.locator(f"[data-explain-value='{_javascript(said['value'])}']")
        shown.wait_for()
        assert page.locator("aside.explain .input").count() == len(said["inputs"])
        page.keyboard.press("Escape")
        page.locator("aside.explain").wait_for(state="detached")


def _javascript(value: float) -> str:
    """A number as the page writes it."""
    return str(int(value)) if value == int(value) else repr(float(value))
