"""A real browser on the page of a real server: fixtures and helpers of the tests named test_browser_*."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / "frontend/node_modules/axe-core/axe.min.js"
NAMES = ("chromium", "chromium-browser", "google-chrome")
WAIT_MS = 60_000  # for answers on a busy machine; a quick one waits for nothing

# view -> the name of its section, and what shows that it is drawn
PLOT = "svg.plot"
VIEWS = {
    "blackboard": ("Blackboard", PLOT), "context": ("Context and KV", PLOT), "operators": ("Operators", PLOT),
    "layout": ("Layout", PLOT), "training": ("Training", PLOT), "plan": ("Plan", PLOT),
    "machines": ("Compare machines", PLOT), "money": ("Money", PLOT), "speculation": ("Speculation", PLOT),
    "simulate": ("Simulate", PLOT), "deduce": ("Deduce", PLOT), "measure": ("Measure", ".drop"),
    "learn": ("Learn", ".claim-card"),
}  # fmt: skip


class Server:
    """`tokenroof web` as a process of its own, on a port that can be taken again."""

    def __init__(self) -> None:
        self.port = 0
        self.process: subprocess.Popen[str] | None = None
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "tokenroof", "web", "--no-open", "--port", str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", line)
        assert found, f"no address in {line!r}"
        self.port = int(found.group(1))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def stop(self, how: int = signal.SIGKILL) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(timeout=30)
            assert self.process.stdout is not None
            self.process.stdout.close()
            self.process = None


def chromium_path() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    if chromium_path() is None:
        pytest.skip("no Chromium here: `make browser` installs it where it may")
    found = Server()
    yield found
    found.stop()


@pytest.fixture(scope="module")  # its event loop stays in the thread: tests of other modules may want their own
def browser() -> Iterator[Any]:
    path = chromium_path()
    if path is None:
        pytest.skip("no Chromium here: `make browser` installs it where it may")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        # root in a container has no user namespaces for the sandbox
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        found = playwright.chromium.launch(executable_path=path, args=arguments)
        yield found
        found.close()


class Watched:
    """What a page did that no page may do: ask another machine, or fail in its script."""

    def __init__(self, page: Any, url: str) -> None:
        self.foreign: list[str] = []
        self.errors: list[str] = []
        page.on("request", lambda request: self._asked(request.url, url))
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _asked(self, address: str, url: str) -> None:
        if not address.startswith((url, "data:", "blob:")):
            self.foreign.append(address)


@pytest.fixture
def page(browser: Any, server: Server) -> Iterator[Any]:
    """A fresh page that fails its test where it asks another machine or where its script throws."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 860}, color_scheme="light", reduced_motion="reduce",
        permissions=["clipboard-read", "clipboard-write"],
    )  # fmt: skip
    found = context.new_page()
    found.set_default_timeout(WAIT_MS)
    watched = Watched(found, server.url)
    yield found
    context.close()
    assert not watched.foreign, "the page asked another machine"
    assert not watched.errors


def opened(page: Any, server: Server, query: str) -> Any:
    """The page at a link, once its view is drawn and nothing is being asked."""
    page.goto(f"{server.url}?v=1{query}")
    found = re.search(r"view=(\w+)", query)
    name, mark = VIEWS[found.group(1) if found else "blackboard"]
    page.wait_for_selector(f'section[aria-label="{name}"] {mark}')
    return page


def axe_faults(page: Any) -> list[str]:
    """Faults against WCAG 2.2 A and AA; evaluated over the debugger, so the page's own policy stays strict."""
    if not AXE.exists():
        pytest.skip("axe-core is not fetched: `make web` does")
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8") + ";0")
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
    run = {"type": "tag", "values": tags}
    found = page.evaluate("run => axe.run(document, {runOnly: run, resultTypes: ['violations']})", run)
    return [
        f"{one['id']}: {node['target']} {node.get('failureSummary', '')[:200]}"
        for one in found["violations"]
        for node in one["nodes"][:3]
    ]
