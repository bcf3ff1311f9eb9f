"""Script time of a frame while a handle is dragged, in the system's Chromium: at most 8 ms for four linked charts.

The blackboard has two charts over one batch, context and KV two over one context; their sum is that of four. What the
browser counts as script is told (`extra_info`), not the wall, which is that of the mouse.
"""

from typing import Any

import pytest
from web.browser import Server, browser, opened, page, server

__all__ = ["browser", "page", "server"]  # fixtures

MOVES = 60


def _script_s(session: Any) -> float:
    metrics = session.send("Performance.getMetrics")["metrics"]
    return float(next(one["value"] for one in metrics if one["name"] == "ScriptDuration"))


def _dragged(page: Any, session: Any, handle: str) -> float:
    """Script seconds of one move, each in a frame of its own."""
    box = page.get_by_role("slider", name=handle, exact=True).first.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    before = _script_s(session)
    for at in range(MOVES):
        page.mouse.move(x + (3.0 * at if handle == "Context" else -3.0 * at), y)
        page.evaluate("() => new Promise(requestAnimationFrame)")
    spent = _script_s(session) - before
    page.mouse.up()
    page.get_by_role("button", name="Undo").click()
    return spent / MOVES


@pytest.mark.parametrize(("view", "handle"), [("blackboard", "Batch"), ("context", "Context")])
def test_drag(benchmark: Any, page: Any, server: Server, view: str, handle: str) -> None:
    opened(page, server, f"&view={view}")
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    frames: list[float] = []
    benchmark.pedantic(lambda: frames.append(_dragged(page, session, handle)), rounds=5, warmup_rounds=1)
    benchmark.extra_info["script_ms_per_frame"] = round(1e3 * sorted(frames)[len(frames) // 2], 2)
    print(f"{view}: {benchmark.extra_info['script_ms_per_frame']} ms of script a frame")
