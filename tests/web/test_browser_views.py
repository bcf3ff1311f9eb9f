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
    assert axe_faults(page, ("color-contrast",)) == []

    page.set_viewport_size({"width": 360, "height": 800})
    page.wait_for_timeout(150)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert answer.is_visible()
